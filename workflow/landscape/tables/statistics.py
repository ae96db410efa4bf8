"""Means over seeds, their intervals, and corrections for many comparisons."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student

CONFIDENCE = 0.95
ENOUGH = 3  # values that an interval needs; of two values, both are given
SHORTEST = 20  # steps that a bootstrap needs
RESAMPLES = 2000

Limits = tuple[float | None, float | None]  # of an interval, where there is one


def mean(values: pd.Series) -> float | None:
    """The mean of the values that exist; None without any."""
    return None if values.isna().all() else float(values.mean())


def interval(values: pd.Series) -> Limits:
    """The two-sided 95 % Student t-interval of the mean; None with fewer than three values."""
    sample = values.dropna().to_numpy(dtype=float)
    if len(sample) < ENOUGH:
        return None, None
    quantile = student.ppf((1 + CONFIDENCE) / 2, df=len(sample) - 1)
    half = quantile * np.std(sample, ddof=1) / np.sqrt(len(sample))
    return float(sample.mean() - half), float(sample.mean() + half)


def share_interval(shares: pd.Series) -> Limits:
    """`interval`, cut at 0 and 1."""
    low, high = interval(shares)
    return (None, None) if low is None or high is None else (max(low, 0.0), min(high, 1.0))


def extremes(values: pd.Series) -> Limits:
    """The lowest and the highest value: of two seeds, both values."""
    there = values.dropna()
    return (float(there.min()), float(there.max())) if len(there) else (None, None)


def p_value(differences: pd.Series) -> float | None:
    """The two-sided p of the paired t-test; None with fewer than three differences."""
    sample = differences.dropna().to_numpy(dtype=float)
    if len(sample) < ENOUGH:
        return None
    middle, error = sample.mean(), np.std(sample, ddof=1) / np.sqrt(len(sample))
    if error == 0:
        return float(middle == 0)
    return float(2 * student.sf(abs(middle) / error, df=len(sample) - 1))


def holm(p_values: pd.Series) -> pd.Series:
    """Which p values survive Holm's correction at 5 %; null without a p value.

    Sorted ascending, the k-th of m (from 0) is compared with 0.05 / (m − k); the first that fails
    ends the list. The chance of any false survivor is then at most 5 % (Holm 1979).
    """
    ascending = p_values.dropna().astype(float).sort_values(kind="stable")
    limits = (1 - CONFIDENCE) / np.arange(len(ascending), 0, -1)
    survives = pd.Series(np.cumprod(ascending.to_numpy() <= limits) == 1, ascending.index)
    return survives.reindex(p_values.index).astype(object)


def within_runs(first: pd.DataFrame, second: pd.DataFrame) -> Limits:
    """The 95 % interval of the ratio of two time averages, second over first, within the runs.

    `first` and `second` hold one series per seed (columns) over the steps (rows). A moving-block
    bootstrap (Künsch 1989): blocks of √n consecutive steps are drawn with replacement, the same for
    both, so the steps vary and not the seed. Over several seeds the ratio is the geometric mean.
    None with fewer than 20 steps, or if an average is not positive.
    """
    random = np.random.default_rng(0)
    logs: list[NDArray[np.float64]] = []
    for seed in first.columns.intersection(second.columns):
        both = pd.concat([first[seed], second[seed]], axis=1).dropna().to_numpy(dtype=float)
        if len(both) < SHORTEST:
            continue
        length = round(len(both) ** 0.5)
        sums = np.concatenate([np.zeros((1, 2)), both.cumsum(axis=0)])
        blocks = sums[length:] - sums[:-length]
        drawn = random.integers(0, len(blocks), (RESAMPLES, len(both) // length))
        averages = blocks[drawn].sum(axis=1)
        if (averages <= 0).any():
            return None, None
        logs.append(np.log(averages[:, 1] / averages[:, 0]))
    if not logs:
        return None, None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.exp(np.quantile(np.mean(logs, axis=0), [tail, 1 - tail]))
    return float(low), float(high)
