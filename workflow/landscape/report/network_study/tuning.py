"""How the learning rates of the sweeps' levels were chosen, in sentences."""

from landscape.config.network_study import NetworkStudy
from landscape.config.tuning import Chosen
from landscape.report.phrases import counted, listed

UNTUNED = (
    "Learning rates were not tuned level by level; the table of all levels shows those that differ "
    "from the base's."
)


def how(study: NetworkStudy) -> str:
    """What was tried, and how it was chosen."""
    if study.tune is None or not study.is_tuned:
        return ""
    factors = listed([f"{factor:g}" for factor in sorted(study.tune.factors)])
    return (
        f"Each level, including the base, was first trained with seed {study.tune.seed} at "
        f"{factors} times its learning rate. All seeds are compared at the rate with the highest "
        "validation accuracy."
    )


def limits(study: NetworkStudy, chosen: Chosen) -> str:
    """How far the choice can be trusted."""
    if study.tune is None or not study.is_tuned:
        return UNTUNED
    ends = {min(study.tune.factors), max(study.tune.factors)} - {1}
    at_end = sum(factor in ends for factor in chosen.values())
    said = (
        f"Each level's learning rate is the best of {counted(len(study.tune.factors))}, chosen "
        "with one seed and on the same held-out images"
    )
    if not at_end:
        return f"{said}."
    return (
        f"{said}. For {counted(at_end)} of {counted(len(chosen))} settings it is an end of the "
        "range, and a rate beyond may be better."
    )
