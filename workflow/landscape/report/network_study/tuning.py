"""How the learning rates of the sweeps' levels were chosen, in sentences."""

from landscape.config.network_study import NetworkStudy
from landscape.config.tuning import Chosen
from landscape.report.phrases import capital, counted, listed

UNTUNED = (
    "Learning rates were not tuned level by level; the table of all levels names those that have "
    "their own."
)


def how(study: NetworkStudy) -> str:
    """What was tried, and by what it was chosen."""
    if study.tune is None or not study.is_tuned:
        return ""
    factors = listed([f"{factor:g}" for factor in sorted(study.tune.factors)])
    return (
        f"Each level, the base too, was first trained with seed {study.tune.seed} at {factors} "
        "times its learning rate; the highest accuracy on held-out images chose the one at which "
        "all seeds are compared."
    )


def limits(study: NetworkStudy, chosen: Chosen) -> str:
    """How far the choice can be trusted."""
    if study.tune is None or not study.is_tuned:
        return UNTUNED
    ends = {min(study.tune.factors), max(study.tune.factors)} - {1}
    at_end = sum(factor in ends for factor in chosen.values())
    said = (
        f"Each level's learning rate is the best of {counted(len(study.tune.factors))} by one seed "
        "and the same held-out images"
    )
    if not at_end:
        return f"{said}."
    return (
        f"{said}. {capital(counted(at_end))} of {counted(len(chosen))} settings chose an end of "
        "their range: a rate beyond it may be better."
    )
