"""Measures by learning rate and by step size, for each architecture and seed.

Nothing is averaged over learning rates or step sizes, which would hide the dependence on them.
"""

import pandas as pd

from landscape.storage.step_columns import SAME_BATCH

PARTS = {  # of probe.parquet
    "gradient_norm",
    "gradient_norm_there",
    "hg_over_g",
    "kappa",
    "smooth_distance",
    "rest_distance",
    "relu_flips",
    "pool_flips",
}
BATCHES = ["gradient_distance", "beta", *SAME_BATCH]
SIZES = [
    "beta",
    "hg_over_g",
    "kappa",
    "gradient_left",
    "smooth_share",
    "rest_share",
    "relu_flips",
    "pool_flips",
]


def by_learning_rate(steps: pd.DataFrame) -> pd.DataFrame:
    """Gradient distance and β on two batches and on one: `arch, learning_rate, seed, steps`, then
    the mean and the median of each over the steps at which all are measured.

    `same_batch_share` is the share of ‖g_i − g_{i−1}‖² that remains on one mini-batch; the rest is
    the difference between mini-batches.
    """
    keys = ["arch", "learning_rate", "seed"]
    if SAME_BATCH[0] not in steps:
        return pd.DataFrame(columns=[*keys, "steps"])
    measured = steps[steps[SAME_BATCH[0]].notna()]
    share = (measured[SAME_BATCH[0]] / measured["gradient_distance"]) ** 2
    return _mean_and_median(
        measured.assign(same_batch_share=share), keys, [*BATCHES, "same_batch_share"]
    )


def by_step_size(probe: pd.DataFrame) -> pd.DataFrame:
    """Measures after a step of each size: `arch, relative_step_size, seed, steps`, then the mean
    and the median of each over the steps at which the step size has not diverged.

    `gradient_left` is ‖∇L(θ − ηg)‖/‖g‖; `smooth_share` and `rest_share` are ‖ηHg‖ and
    ‖∇L(θ − ηg) − g + ηHg‖ over ‖∇L(θ − ηg) − g‖, and do not add up to one.
    """
    there = probe[probe["loss"].notna()]
    there = there.assign(
        gradient_left=there["gradient_norm_there"] / there["gradient_norm"],
        smooth_share=there["smooth_distance"] / there["gradient_distance"],
        rest_share=there["rest_distance"] / there["gradient_distance"],
    )
    return _mean_and_median(there, ["arch", "relative_step_size", "seed"], SIZES)


def _mean_and_median(table: pd.DataFrame, keys: list[str], measures: list[str]) -> pd.DataFrame:
    grouped = table.groupby(keys, sort=False)
    pieces = [grouped.size().rename("steps")]
    for name in measures:
        pieces += [grouped[name].mean().rename(f"{name}_mean")]
        pieces += [grouped[name].median().rename(f"{name}_median")]
    return pd.concat(pieces, axis=1).reset_index()
