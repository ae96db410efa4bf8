"""Networks compared at equal loss, whatever the step."""

import numpy as np
import pandas as pd

LEVELS = (2.0, 1.5, 1.0, 0.7, 0.5, 0.3, 0.2, 0.1)  # nats, below ln 10 = 2.3, the loss of guessing
RUN = ["arch", "learning_rate", "seed", "quantity"]


def at_equal_loss(looked: pd.DataFrame) -> pd.DataFrame:
    """`arch, learning_rate, seed, quantity, loss, step, value`: each quantity of a whole network at
    each of `LEVELS` that the run reaches.

    Between the first two neighbouring moments between which the loss falls below the level, value
    and step are interpolated as powers of the loss. `looked` has one row per run, moment and
    quantity; values of 0 or below are left out.
    """
    rows = [
        {**dict(zip(RUN, run, strict=True)), "loss": level, **found}
        for run, moments in looked[looked["value"] > 0].groupby(RUN, sort=False)
        for level in LEVELS
        if (found := _crossing(moments.sort_values("step"), level)) is not None
    ]
    return pd.DataFrame(rows, columns=[*RUN, "loss", "step", "value"])


def _crossing(moments: pd.DataFrame, level: float) -> dict[str, float] | None:
    losses, steps, values = (moments[name].to_numpy(float) for name in ("loss", "step", "value"))
    falls = np.flatnonzero((losses[:-1] >= level) & (losses[1:] < level))
    if not len(falls):
        return None
    before, after = falls[0], falls[0] + 1
    log = np.log(losses)
    share = (log[before] - np.log(level)) / (log[before] - log[after])
    value = np.log(values[before]) * (1 - share) + np.log(values[after]) * share
    return {
        "step": float(steps[before] + share * (steps[after] - steps[before])),
        "value": float(np.exp(value)),
    }
