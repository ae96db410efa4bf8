"""Headline numbers: one per architecture and seed, then their means and intervals over seeds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from landscape.notation.measure_keys import BETA_AT, LEFT_AT, median_of
from landscape.tables.series import KEYS, Series, late
from landscape.tables.statistics import (
    ENOUGH,
    Limits,
    extremes,
    interval,
    mean,
    share_interval,
    within_runs,
)

SHARES = ("test_accuracy", "test_accuracy_best", "test_accuracy_worst")
COUNTS = ("diverged_runs",)


def summarize(
    numbers: pd.DataFrame, architectures: Sequence[str], series: Series | None = None
) -> pd.DataFrame:
    """From `measure, arch, seed, value` to one row per measure.

    Columns: the architectures' means over seeds and `ratio` (the second architecture to the first);
    `…_low` and `…_high` of each, the 95 % t-interval over three seeds or more; `…_lowest` and
    `…_highest`, the extremes over seeds. All are computed on the log scale: means are
    geometric, limits positive, and the ratio of two means over the same seeds is the mean of the
    ratios seed by seed. Means of accuracies and counts, and of a measure with a 0, are arithmetic.
    For a ratio of time averages with fewer than three seeds, `ratio_within_low` and `…_high` are
    its interval within these runs, from `series`. A cell is empty without a value, a ratio also if
    a value is not positive. `seeds` is the smallest number of seeds among the architectures that
    have any.
    """
    rows = []
    for measure, table in numbers.groupby("measure", sort=False):
        by_seed = table.pivot(index="seed", columns="arch", values="value")
        by_seed = by_seed.reindex(columns=list(architectures)).astype(float)
        row: dict[str, object] = {"measure": measure}
        limits: dict[str, object] = {}
        there = by_seed.notna()
        positive = bool((by_seed[there] > 0).eq(there).all(axis=None))
        for name in architectures:
            values = by_seed[name]
            if measure in SHARES:
                averages = mean(values), *share_interval(values)
            elif positive and measure not in COUNTS:
                averages = _geometric(values)
            else:
                averages = mean(values), *interval(values)
            row[name] = averages[0]
            limits |= _limits(name, averages[1:], extremes(values))
        if len(architectures) > 1:
            ratios = by_seed[architectures[1]] / by_seed[architectures[0]]
            if not positive:
                ratios[:] = np.nan
            averages = _geometric(ratios)
            row["ratio"] = averages[0]
            limits |= _limits("ratio", averages[1:], extremes(ratios))
            few = 0 < ratios.count() < ENOUGH
            within = _within(str(measure), architectures, series) if few else (None, None)
            limits["ratio_within_low"], limits["ratio_within_high"] = within
        counts = [count for count in there.sum() if count]
        rows.append({**row, **limits, "seeds": int(min(counts, default=0))})
    return pd.DataFrame(rows)


def _limits(name: str, over_seeds: Limits, ends: Limits) -> dict[str, object]:
    low, high = over_seeds
    lowest, highest = ends
    return {
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_lowest": lowest,
        f"{name}_highest": highest,
    }


def _within(measure: str, architectures: Sequence[str], series: Series | None) -> Limits:
    if series is None or measure not in series:
        return None, None
    first, second = (
        series[measure][series[measure].index.get_level_values("arch") == name]
        .droplevel("arch")
        .unstack("seed")
        for name in architectures[:2]
    )
    return within_runs(first, second)


def _geometric(values: pd.Series) -> tuple[float | None, float | None, float | None]:
    logs = values.map(np.log)
    low, high = interval(logs)
    return _exp(mean(logs)), _exp(low), _exp(high)


def bands_values(
    series: Series, steps: pd.DataFrame, epochs: pd.DataFrame, runs: pd.DataFrame
) -> pd.DataFrame:
    """The headline numbers of `bands`: `measure, arch, seed, value`.

    `series` are those of `bands_series`. Final and worst values are empty if the run has none.
    """
    width = series["loss_band_width"].reset_index()
    steps = steps.merge(width[["seed", "step"]].drop_duplicates(), on=["seed", "step"])
    run = [*KEYS, "learning_rate"]
    ended = pd.MultiIndex.from_frame(runs.loc[runs["status"] == "completed", run])
    final = epochs.sort_values("epoch").groupby(run)["train_loss"].last().reindex(ended)
    accuracy = runs.groupby(KEYS)["test_accuracy"]
    return _stack(
        runs,
        {
            **_averages(series),
            "beta_maximum": steps.groupby(KEYS)["beta"].max(),
            "final_train_loss_lowest": final.groupby(KEYS).min(),
            "test_accuracy_best": accuracy.max(),
            "test_accuracy_worst": accuracy.agg(lambda values: values.min(skipna=False)),
            "diverged_runs": (runs["status"] == "diverged").groupby([runs[k] for k in KEYS]).sum(),
        },
    )


def probe_values(series: Series, steps: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The headline numbers of `probe`: `measure, arch, seed, value`."""
    first = {
        f"{name}_first": series[f"{name}_mean"].xs(0, level="step")
        for name in ("loss_range", "gradient_distance", "beta_maximum")
        if 0 in series[f"{name}_mean"].index.get_level_values("step")
    }
    return _stack(
        runs,
        {
            **first,
            **_averages(series),
            "final_loss": late(steps, steps["step"].max() + 1).groupby(KEYS)["loss"].mean(),
            "test_accuracy": runs.groupby(KEYS)["test_accuracy"].mean(),
        },
    )


def _averages(series: Series) -> dict[str, pd.Series]:
    """The mean over steps of every series, and the median, which spikes hardly change."""
    found = {}
    for name, values in series.items():
        by_run = values.groupby(level=KEYS)
        if name.startswith(LEFT_AT):
            found[name] = by_run.median()
            continue
        found[name] = by_run.mean()
        if not name.startswith(BETA_AT):
            found[median_of(name)] = by_run.median()
    return found


def _exp(value: float | None) -> float | None:
    return None if value is None else float(np.exp(value))


def _stack(runs: pd.DataFrame, measures: dict[str, pd.Series]) -> pd.DataFrame:
    """Every measure of every (architecture, seed) with runs; null without a value."""
    whose = pd.MultiIndex.from_frame(runs[KEYS].drop_duplicates())
    pieces = [
        series.reindex(whose).rename("value").reset_index().assign(measure=name)
        for name, series in measures.items()
    ]
    return pd.concat(pieces, ignore_index=True)[["measure", "arch", "seed", "value"]]
