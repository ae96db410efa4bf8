"""What the network study cannot say."""

from collections.abc import Mapping, Sequence
from typing import Any

from landscape.report.batchnorm.limits import by_chance
from landscape.tables.rows import Outcome


def limitations(
    outcomes: Sequence[Outcome], dataset: Mapping[str, Any], validation_images: int
) -> list[str]:
    said = []
    if dataset["official_pixels"] is not True:
        said.append(
            f"The images are: {dataset['name']}. Accuracies compare within this report and not "
            "with published ones."
        )
    said.append(
        "One factor is varied at a time, from one base and in short trainings: factors may work "
        "differently together, in other networks and in longer trainings. Learning rates were not "
        "tuned level by level; the configuration names the levels that have their own."
    )
    if validation_images:
        said.append(
            f"Sweeps and ablations are judged by {validation_images:,} held-out images, the same "
            f"for all, of which one is {100 / validation_images:.2g} points. The intervals contain "
            "what seeds change, not what other images would. The best of several levels is chosen "
            "by the numbers that describe it, which flatters it."
        )
    decided = [o for o in outcomes if o.interval("difference") is not None]
    if decided:
        said += by_chance("differences", len(decided))
    seeds = {o.kind: o.seeds for o in outcomes}
    for kind, text in (("sweep", "Sweeps"), ("final", "Final networks")):
        if seeds.get(kind) == 1:
            said.append(f"{text} have a single seed: how much runs of one setting differ is open.")
    said.append(
        "The test images were read once, at the end, by each run of the final networks and of the "
        "network of plain tensors, and by no other run of this part; the pictures of what networks "
        "learned look at them again, and nothing was chosen by those."
    )
    said.append("Seconds are of this hardware and of code that was not tuned for it.")
    return said
