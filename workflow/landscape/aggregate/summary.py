"""Headline numbers: one per architecture and seed, then their means and intervals over seeds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import t as student

CONFIDENCE = 0.95
LATE = 0.1  # "late" is the last tenth of the steps


def summarize(values: pd.DataFrame, architectures: Sequence[str]) -> pd.DataFrame:
    """From `measure, arch, seed, value` to one row per measure.

    Columns: the architectures' means over seeds, `ratio` (the second architecture to the first:
    the geometric mean of the ratios seed by seed), then `…_low` and `…_high` of each: the 95 %
    t-interval over seeds, of the ratio on the log scale. Cells are empty where there is no value,
    intervals where there is one seed only, and a ratio where a value is not positive.
    """
    rows = []
    for measure, table in values.groupby("measure", sort=False):
        by_seed = table.pivot(index="seed", columns="arch", values="value")
        by_seed = by_seed.reindex(columns=list(architectures)).astype(float)
        row: dict[str, object] = {"measure": measure}
        limits: dict[str, object] = {}
        for name in architectures:
            row[name] = mean(by_seed[name])
            limits[f"{name}_low"], limits[f"{name}_high"] = interval(by_seed[name])
        if len(architectures) > 1:
            first, second = by_seed[architectures[0]], by_seed[architectures[1]]
            ratios = (second / first)[(first > 0) & (second > 0)]
            logs = ratios.map(np.log)
            row["ratio"] = _exp(mean(logs))
            limits["ratio_low"], limits["ratio_high"] = map(_exp, interval(logs))
        rows.append({**row, **limits, "seeds": int(by_seed.count().max())})
    return pd.DataFrame(rows)


def interval(values: pd.Series) -> tuple[float | None, float | None]:
    """The two-sided Student t-interval of the mean; (None, None) of fewer than two values."""
    sample = values.dropna().to_numpy(dtype=float)
    if len(sample) < 2:
        return None, None
    quantile = student.ppf((1 + CONFIDENCE) / 2, df=len(sample) - 1)
    half = quantile * np.std(sample, ddof=1) / np.sqrt(len(sample))
    return float(sample.mean() - half), float(sample.mean() + half)


def bands_values(
    bands: pd.DataFrame, steps: pd.DataFrame, epochs: pd.DataFrame, runs: pd.DataFrame
) -> pd.DataFrame:
    """The bands study's headline numbers: `measure, arch, seed, value`."""
    keys = ["arch", "seed"]
    width = _complete(bands[bands["measure"] == "loss"])
    width = width.assign(width=width["maximum"] - width["minimum"])
    steps = steps.assign(scaled_beta=steps["beta"] * steps["parameter_norm"] ** 2)
    last = epochs.sort_values("epoch").groupby([*keys, "learning_rate"]).tail(1)
    return _stack(
        {
            "loss_band_width": width.groupby(keys)["width"].mean(),
            "loss_band_width_late": _late(width).groupby(keys)["width"].mean(),
            "gradient_distance_mean": steps.groupby(keys)["gradient_distance"].mean(),
            "output_gradient_distance_mean": steps.groupby(keys)["output_gradient_distance"].mean(),
            "beta_mean": steps.groupby(keys)["beta"].mean(),
            "beta_maximum": steps.groupby(keys)["beta"].max(),
            "scaled_beta_mean": steps.groupby(keys)["scaled_beta"].mean(),
            "final_train_loss_best": last.groupby(keys)["train_loss"].min(),
            "test_accuracy_best": runs.groupby(keys)["test_accuracy"].max(),
            "test_accuracy_worst": runs.groupby(keys)["test_accuracy"].min(),
            "diverged_runs": (runs["status"] == "diverged").groupby([runs[k] for k in keys]).sum(),
        }
    )


def probe_values(
    bands: pd.DataFrame, probe: pd.DataFrame, steps: pd.DataFrame, runs: pd.DataFrame
) -> pd.DataFrame:
    """The probe study's headline numbers: `measure, arch, seed, value`."""
    keys = ["arch", "seed"]
    loss = bands[bands["measure"] == "loss"]
    spread = loss.assign(spread=loss["maximum"] - loss["minimum"])
    distance = bands[bands["measure"] == "gradient_distance"]
    beta = bands[bands["measure"] == "beta"]
    sizes = probe.groupby([*keys, "step"])["parameter_norm"].first().reset_index()
    scaled = beta.merge(sizes, on=[*keys, "step"])
    scaled = scaled.assign(value=scaled["maximum"] * scaled["parameter_norm"] ** 2)
    per_size = {
        f"beta_at_{size!r}": table.groupby(keys)["beta"].mean()
        for size, table in probe.groupby("relative_step_size")
    }
    return _stack(
        {
            "loss_range_first": _first(spread).groupby(keys)["spread"].mean(),
            "loss_range_mean": spread.groupby(keys)["spread"].mean(),
            "loss_range_late": _late(spread).groupby(keys)["spread"].mean(),
            "gradient_distance_first": _first(distance).groupby(keys)["maximum"].mean(),
            "gradient_distance_mean": distance.groupby(keys)["maximum"].mean(),
            "gradient_distance_late": _late(distance).groupby(keys)["maximum"].mean(),
            "gradient_cosine_mean": probe.groupby(keys)["gradient_cosine"].mean(),
            "beta_maximum_first": _first(beta).groupby(keys)["maximum"].mean(),
            "beta_maximum_mean": beta.groupby(keys)["maximum"].mean(),
            "beta_maximum_late": _late(beta).groupby(keys)["maximum"].mean(),
            **per_size,
            "scaled_beta_maximum_mean": scaled.groupby(keys)["value"].mean(),
            "final_loss": _late(steps).groupby(keys)["loss"].mean(),
            "test_accuracy": runs.groupby(keys)["test_accuracy"].mean(),
        }
    )


def _exp(value: float | None) -> float | None:
    return None if value is None else float(np.exp(value))


def mean(values: pd.Series) -> float | None:
    """The mean of what there is; None of nothing."""
    return None if values.isna().all() else float(values.mean())


def _complete(loss: pd.DataFrame) -> pd.DataFrame:
    """The steps at which no run of a seed has diverged, whatever its architecture.

    A band that has lost its wildest runs is narrow for that reason alone.
    """
    expected = loss["runs"].max() * loss["arch"].nunique()
    there = loss.groupby(["seed", "step"])["runs"].transform("sum")
    complete: pd.DataFrame = loss[there == expected]
    return complete


def _first(table: pd.DataFrame) -> pd.DataFrame:
    return table.query("step == 0")


def _late(table: pd.DataFrame) -> pd.DataFrame:
    late: pd.DataFrame = table[table["step"] >= (1 - LATE) * (table["step"].max() + 1)]
    return late


def _stack(measures: dict[str, pd.Series]) -> pd.DataFrame:
    pieces = [
        series.rename("value").reset_index().assign(measure=name)
        for name, series in measures.items()
    ]
    return pd.concat(pieces, ignore_index=True)[["measure", "arch", "seed", "value"]]
