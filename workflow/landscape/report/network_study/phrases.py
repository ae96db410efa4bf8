"""Names, counts and accuracies that the network study's texts share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from landscape.config.network_study import JUDGED_BY
from landscape.notation.names import final_name, label
from landscape.notation.numbers import decimals, percent
from landscape.notation.settings import level_name
from landscape.report.chance import at_chance
from landscape.tables.rows import Outcome


@dataclass(frozen=True)
class Images:
    """The numbers of images on which accuracies are measured, and the number of classes."""

    test: int
    validation: int
    classes: int

    def of(self, measure: str) -> int:
        return self.validation if measure == JUDGED_BY else self.test

    def at_chance(self, outcome: Outcome, measure: str) -> bool:
        """Whether a setting's mean accuracy cannot be told from guessing."""
        accuracy = outcome.values.get(measure)
        return accuracy is not None and at_chance(accuracy, self.of(measure), self.classes)


def images_of(dataset: Mapping[str, Any], runs: pd.DataFrame) -> Images:
    return Images(
        test=int(dataset["test_images"]),
        validation=int(runs["validation_images"].max()),
        classes=len(dataset["class_names"]),
    )


def called(outcome: Outcome) -> str:
    """The name of a final network, the network of plain tensors or a level."""
    if outcome.kind == "plain":
        return label(outcome.family)
    if outcome.kind == "final":
        return final_name(outcome.level, outcome.family)
    return level_name(outcome.level)


def divergence(outcome: Outcome) -> str:
    """A sentence on a setting some or all of whose runs diverged."""
    name, lost, seeds = called(outcome), outcome.diverged, outcome.seeds
    if lost == seeds:
        return f"All {seeds} runs of {name} diverged." if seeds > 1 else f"{name} diverged."
    return f"{lost} of {seeds} runs of {name} diverged; its values exclude them."


def diverged(outcomes: Sequence[Outcome]) -> list[str]:
    return [divergence(outcome) for outcome in outcomes if outcome.diverged]


def accuracy_text(outcome: Outcome, measure: str, images: Images) -> str:
    """One seed's value, two seeds' values, or mean and standard deviation over more seeds."""
    value, ends = outcome.values.get(measure), outcome.extremes(measure)
    if value is None:
        return ""
    count = images.of(measure)
    deviation = outcome.values.get(f"{measure}_std")
    if deviation is not None:
        return f"{100 * value:.{decimals(count)}f} ± {percent(deviation, count)}"
    if ends is None or ends[0] == ends[1]:
        return percent(value, count)
    return f"{percent(ends[0], count).removesuffix(' %')} and {percent(ends[1], count)}"
