"""The learning rate over training, computed from the step: no state, so nothing to resume."""

import math

from landscape.config.recipes import Schedule


def factor(schedule: Schedule, step: int, steps: int) -> float:
    """What the run's learning rate is multiplied by at update `step` of `steps`, from 0.

    With a warm-up over w steps the factor is (step + 1)/w before step w. Then, with the share of
    the remaining steps done p ∈ [0, 1), it is 1 (constant), 1 − p (linear) or (1 + cos πp)/2
    (cosine; Loshchilov & Hutter 2017), stretched to end at `schedule.final`.
    """
    warm = math.floor(schedule.warmup * steps)
    if step < warm:
        return (step + 1) / warm
    progress = (step - warm) / (steps - warm)
    match schedule.decay:
        case "constant":
            return 1.0
        case "linear":
            falling = 1 - progress
        case "cosine":
            falling = (1 + math.cos(math.pi * progress)) / 2
    return schedule.final + (1 - schedule.final) * falling
