"""Time series of the headline measures, from which means and medians over steps are computed."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from landscape.notation.measure_keys import BETA_AT, LEFT_AT
from landscape.storage.step_columns import SAME_BATCH

LATE = 0.1  # "late" is the last tenth of the steps
KEYS = ["arch", "seed"]

Series = Mapping[str, pd.Series]  # a measure over (arch, seed, step)


def bands_series(bands: pd.DataFrame, steps: pd.DataFrame) -> dict[str, pd.Series]:
    """The time series of `bands`: (arch, seed, step) → value, by the name of their mean.

    They have the steps at which no run of a seed has diverged. A measure of single runs is averaged
    over learning rates. A band that ends at step 0 has no width, because all its runs are equal.
    """
    width = _complete(bands[bands["measure"] == "loss"])
    width = width.assign(width=_width(width) if width["step"].max() > 0 else np.nan)
    length = bands["step"].max() + 1
    steps = steps.merge(width[["seed", "step"]].drop_duplicates(), on=["seed", "step"])
    there = steps.groupby([*KEYS, "step"])
    return {
        "loss_band_width": _series(width, "width"),
        "loss_band_width_late": _series(late(width, length), "width"),
        "gradient_distance_mean": there["gradient_distance"].mean(),
        "output_gradient_distance_mean": there["output_gradient_distance"].mean(),
        "beta_mean": there["beta"].mean(),
        **{f"{name}_mean": there[name].mean() for name in SAME_BATCH if name in steps},
    }


def probe_series(
    bands: pd.DataFrame, probe: pd.DataFrame, steps: pd.DataFrame
) -> dict[str, pd.Series]:
    """The time series of `probe`: (arch, seed, step) → value, by the name of their mean.

    A measure over step sizes has the steps at which no step size of a seed has diverged.
    """
    length = steps["step"].max() + 1
    loss, distance, beta, cosine = (
        _complete(bands[bands["measure"] == measure])
        for measure in ("loss", "gradient_distance", "beta", "gradient_cosine")
    )
    spread = loss.assign(value=_width(loss))
    distance = distance.assign(value=distance["maximum"])
    turn = cosine.assign(value=1 - cosine["minimum"])
    beta = beta.assign(value=beta["maximum"])
    found = {
        "loss_range_mean": _series(spread),
        "loss_range_late": _series(late(spread, length)),
        "gradient_distance_mean": _series(distance),
        "gradient_distance_late": _series(late(distance, length)),
        "cosine_distance_mean": _series(turn),
        "beta_maximum_mean": _series(beta),
        "beta_maximum_late": _series(late(beta, length)),
        "curvature_mean": probe.groupby([*KEYS, "step"])["hg_over_g"].first(),
    }
    for size, table in probe.groupby("relative_step_size"):
        found[f"{BETA_AT}{size!r}"] = _series(table, "beta")
        left = table["gradient_norm_there"] / table["gradient_norm"]
        found[f"{LEFT_AT}{size!r}"] = _series(table.assign(value=left))
    return found


def _width(band: pd.DataFrame) -> pd.Series:
    """maximum − minimum; null if the band is a single run or step size."""
    return (band["maximum"] - band["minimum"]).where(band["runs"] > 1)


def late(table: pd.DataFrame, length: int) -> pd.DataFrame:
    """The last tenth of the study's `length` steps, as far as the table has them."""
    part: pd.DataFrame = table[table["step"] >= (1 - LATE) * length]
    return part


def _complete(band: pd.DataFrame) -> pd.DataFrame:
    """The steps at which no run or step size of a seed has diverged, whatever its architecture.

    A band that has lost its most extreme runs is narrow for this reason alone.
    """
    expected = band["runs"].max() * band["arch"].nunique()
    there = band.groupby(["seed", "step"])["runs"].transform("sum")
    complete: pd.DataFrame = band[there == expected]
    return complete


def _series(table: pd.DataFrame, column: str = "value") -> pd.Series:
    return table.set_index([*KEYS, "step"])[column]
