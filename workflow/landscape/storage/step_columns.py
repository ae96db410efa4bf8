"""The columns of a run's steps.parquet, and from which step on each has a value."""

import numpy as np
import pandas as pd

SAME_BATCH = ("same_batch_gradient_distance", "same_batch_beta")


def step_columns(lags: tuple[int, ...], same_batch: bool = False) -> tuple[str, ...]:
    """The measures of a step; lag 1 has the plain names, others say theirs.

    Without lags nothing is measured along the path but loss, hits and the gradient's norm.
    `same_batch`: whether the gradient of one batch is taken before and after an update.
    """
    if not lags:
        return ("loss", "correct", "gradient_norm")
    distances = [
        lagged(name, lag)
        for lag in sorted(lags)
        for name in ("gradient_distance", "output_gradient_distance")
    ]
    return (
        "loss",
        "correct",
        "gradient_norm",
        *distances,
        "update_distance",
        "beta",
        "parameter_norm",
        *(SAME_BATCH if same_batch else ()),
    )


def lagged(name: str, lag: int) -> str:
    return name if lag == 1 else f"{name}_lag{lag}"


def unmeasured(
    table: pd.DataFrame, name: str, same_batch_every: int | None = None
) -> "pd.Series[bool]":
    """Which rows lack the finite value that they should have; the table's index is the step.

    There is no β where the update was exactly zero, and what `SAME_BATCH` names is measured at
    multiples of `same_batch_every`.
    """
    missing = pd.Series(~np.isfinite(table[name].to_numpy(dtype=float)), index=table.index)
    if name in ("beta", "same_batch_beta"):
        missing &= table["update_distance"] != 0
    if name in SAME_BATCH:
        missing = missing[missing.index % (same_batch_every or 1) == 0]
    return missing[missing.index >= _first_step(name)]


def _first_step(column: str) -> int:
    """The first step at which a column has a value."""
    if column in ("update_distance", "beta", *SAME_BATCH):
        return 1
    if "gradient_distance" in column:
        _, _, lag = column.partition("_lag")
        return int(lag or 1)
    return 0
