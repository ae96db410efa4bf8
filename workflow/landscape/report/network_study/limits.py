"""The limits of the network study, in paragraphs."""

from collections.abc import Mapping, Sequence
from typing import Any

from landscape.report.batchnorm.limits import by_chance
from landscape.report.network_study.phrases import Images
from landscape.report.network_study.tuning import UNTUNED
from landscape.report.phrases import listed
from landscape.tables.published import comparable
from landscape.tables.rows import Outcome
from landscape.tables.statistics import ENOUGH


def limitations(
    outcomes: Sequence[Outcome], dataset: Mapping[str, Any], images: Images, tuning: str = UNTUNED
) -> list[str]:
    """`tuning` says how learning rates were chosen."""
    said = []
    if not comparable(dataset):
        said.append(
            f"The images are {dataset['name']}: accuracies can be compared within this report only."
        )
    said.append(
        "One factor is varied at a time, from one base and in short runs. Factors may act "
        f"differently together, in other networks and in longer runs. {tuning}"
    )
    if images.validation:
        said.append(
            f"Sweeps and ablations are judged on the same {images.validation:,} held-out images; "
            f"one image is {100 / images.validation:.2g} points. Intervals include variation over "
            "seeds, not over images. The best of several levels looks better than it is, because "
            "the same numbers choose and describe it."
        )
    intervals = sum(o.interval("difference") is not None for o in outcomes)
    if intervals:
        said.append(by_chance(intervals, "differences"))
    kinds = {"sweep": "sweeps", "final": "final networks"}
    few = [
        words
        for kind, words in kinds.items()
        if any(o.kind == kind for o in outcomes)
        and max(o.seeds for o in outcomes if o.kind == kind) < ENOUGH
    ]
    if few:
        said.append(
            f"The {listed(few)} have fewer than {ENOUGH} seeds: run-to-run variation is unknown."
        )
    said.append(
        "Each run of the final networks and of the network of plain tensors read the test images "
        "once, at the end; no other run of this part did. The figures of what networks learned use "
        "them again, and nothing was chosen by these figures. Seconds are of this hardware."
    )
    return said
