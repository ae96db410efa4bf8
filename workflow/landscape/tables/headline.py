"""Headline numbers: one per architecture and seed, then their means and intervals over seeds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import t as student

CONFIDENCE = 0.95
LATE = 0.1  # "late" is the last tenth of the steps
SHARES = ("test_accuracy", "test_accuracy_best", "test_accuracy_worst")
COUNTS = ("diverged_runs",)


def summarize(numbers: pd.DataFrame, architectures: Sequence[str]) -> pd.DataFrame:
    """From `measure, arch, seed, value` to one row per measure.

    Columns: the architectures' means over seeds, `ratio` (the second architecture to the first),
    then `…_low` and `…_high` of each: the 95 % t-interval over seeds. All are taken on the log
    scale: means are geometric, limits positive, and the ratio of two means over the same seeds is
    the mean of the ratios seed by seed. Means of accuracies and counts, and of a measure that is 0
    somewhere, are arithmetic. Cells are empty where there is no value, intervals where there is one
    seed only, a ratio where a value is not positive. `seeds` is that of the architecture with the
    fewest, of those that have any.
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
            row[name], limits[f"{name}_low"], limits[f"{name}_high"] = averages
        if len(architectures) > 1:
            ratios = by_seed[architectures[1]] / by_seed[architectures[0]]
            row["ratio"], limits["ratio_low"], limits["ratio_high"] = (
                _geometric(ratios) if positive else (None, None, None)
            )
        counts = [count for count in there.sum() if count]
        rows.append({**row, **limits, "seeds": int(min(counts, default=0))})
    return pd.DataFrame(rows)


def _geometric(values: pd.Series) -> tuple[float | None, float | None, float | None]:
    logs = values.map(np.log)
    low, high = interval(logs)
    return _exp(mean(logs)), _exp(low), _exp(high)


def interval(values: pd.Series) -> tuple[float | None, float | None]:
    """The two-sided Student t-interval of the mean; (None, None) of fewer than two values."""
    sample = values.dropna().to_numpy(dtype=float)
    if len(sample) < 2:
        return None, None
    quantile = student.ppf((1 + CONFIDENCE) / 2, df=len(sample) - 1)
    half = quantile * np.std(sample, ddof=1) / np.sqrt(len(sample))
    return float(sample.mean() - half), float(sample.mean() + half)


def share_interval(shares: pd.Series) -> tuple[float | None, float | None]:
    """`interval`, as far as it lies within 0 and 1."""
    low, high = interval(shares)
    return (None, None) if low is None or high is None else (max(low, 0.0), min(high, 1.0))


def bands_values(
    bands: pd.DataFrame, steps: pd.DataFrame, epochs: pd.DataFrame, runs: pd.DataFrame
) -> pd.DataFrame:
    """The bands study's headline numbers: `measure, arch, seed, value`.

    All but accuracies and counts are of the steps at which no run of a seed has diverged. What is
    final or worst is empty where the run that it would be of has none.
    """
    keys = ["arch", "seed"]
    length = bands["step"].max() + 1
    width = _complete(bands[bands["measure"] == "loss"])
    width = width.assign(width=width["maximum"] - width["minimum"])
    steps = steps.merge(width[["seed", "step"]].drop_duplicates(), on=["seed", "step"])
    steps = steps.assign(scaled_beta=steps["beta"] * steps["parameter_norm"] ** 2)
    run = [*keys, "learning_rate"]
    ended = pd.MultiIndex.from_frame(runs.loc[runs["status"] == "completed", run])
    final = epochs.sort_values("epoch").groupby(run)["train_loss"].last().reindex(ended)
    accuracy = runs.groupby(keys)["test_accuracy"]
    return _stack(
        runs,
        {
            "loss_band_width": width.groupby(keys)["width"].mean(),
            "loss_band_width_late": _late(width, length).groupby(keys)["width"].mean(),
            "gradient_distance_mean": steps.groupby(keys)["gradient_distance"].mean(),
            "output_gradient_distance_mean": steps.groupby(keys)["output_gradient_distance"].mean(),
            "beta_mean": steps.groupby(keys)["beta"].mean(),
            "beta_maximum": steps.groupby(keys)["beta"].max(),
            "scaled_beta_mean": steps.groupby(keys)["scaled_beta"].mean(),
            "final_train_loss_lowest": final.groupby(keys).min(),
            "test_accuracy_best": accuracy.max(),
            "test_accuracy_worst": accuracy.agg(lambda values: values.min(skipna=False)),
            "diverged_runs": (runs["status"] == "diverged").groupby([runs[k] for k in keys]).sum(),
        },
    )


def probe_values(
    bands: pd.DataFrame, probe: pd.DataFrame, steps: pd.DataFrame, runs: pd.DataFrame
) -> pd.DataFrame:
    """The probe study's headline numbers: `measure, arch, seed, value`.

    What is over step sizes is of the steps at which no step size of a seed has diverged.
    """
    keys = ["arch", "seed"]
    length = steps["step"].max() + 1
    loss, distance, beta, cosine = (
        _complete(bands[bands["measure"] == measure])
        for measure in ("loss", "gradient_distance", "beta", "gradient_cosine")
    )
    spread = loss.assign(spread=loss["maximum"] - loss["minimum"])
    turn = cosine.assign(turn=1 - cosine["minimum"])
    sizes = probe.groupby([*keys, "step"])["parameter_norm"].first().reset_index()
    scaled = beta.merge(sizes, on=[*keys, "step"])
    scaled = scaled.assign(value=scaled["maximum"] * scaled["parameter_norm"] ** 2)
    per_size = {
        f"beta_at_{size!r}": table.groupby(keys)["beta"].mean()
        for size, table in probe.groupby("relative_step_size")
    }
    return _stack(
        runs,
        {
            "loss_range_first": _first(spread).groupby(keys)["spread"].mean(),
            "loss_range_mean": spread.groupby(keys)["spread"].mean(),
            "loss_range_late": _late(spread, length).groupby(keys)["spread"].mean(),
            "gradient_distance_first": _first(distance).groupby(keys)["maximum"].mean(),
            "gradient_distance_mean": distance.groupby(keys)["maximum"].mean(),
            "gradient_distance_late": _late(distance, length).groupby(keys)["maximum"].mean(),
            "cosine_distance_mean": turn.groupby(keys)["turn"].mean(),
            "beta_maximum_first": _first(beta).groupby(keys)["maximum"].mean(),
            "beta_maximum_mean": beta.groupby(keys)["maximum"].mean(),
            "beta_maximum_late": _late(beta, length).groupby(keys)["maximum"].mean(),
            **per_size,
            "scaled_beta_maximum_mean": scaled.groupby(keys)["value"].mean(),
            "final_loss": _late(steps, length).groupby(keys)["loss"].mean(),
            "test_accuracy": runs.groupby(keys)["test_accuracy"].mean(),
        },
    )


def _exp(value: float | None) -> float | None:
    return None if value is None else float(np.exp(value))


def mean(values: pd.Series) -> float | None:
    """The mean of what there is; None of nothing."""
    return None if values.isna().all() else float(values.mean())


def _complete(band: pd.DataFrame) -> pd.DataFrame:
    """The steps at which no run or step size of a seed has diverged, whatever its architecture.

    A band that has lost its wildest runs is narrow for that reason alone.
    """
    expected = band["runs"].max() * band["arch"].nunique()
    there = band.groupby(["seed", "step"])["runs"].transform("sum")
    complete: pd.DataFrame = band[there == expected]
    return complete


def _first(table: pd.DataFrame) -> pd.DataFrame:
    return table.query("step == 0")


def _late(table: pd.DataFrame, length: int) -> pd.DataFrame:
    """The last tenth of the study's `length` steps, as far as the table has them."""
    late: pd.DataFrame = table[table["step"] >= (1 - LATE) * length]
    return late


def _stack(runs: pd.DataFrame, measures: dict[str, pd.Series]) -> pd.DataFrame:
    """Every measure of every (architecture, seed) with runs; null where it has no value."""
    whose = pd.MultiIndex.from_frame(runs[["arch", "seed"]].drop_duplicates())
    pieces = [
        series.reindex(whose).rename("value").reset_index().assign(measure=name)
        for name, series in measures.items()
    ]
    return pd.concat(pieces, ignore_index=True)[["measure", "arch", "seed", "value"]]
