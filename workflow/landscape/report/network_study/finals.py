"""The final networks in words: alone, against one another, against what is published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from landscape.notation.numbers import number, percent, points, points_span
from landscape.notation.units import count, duration, operations, petaflops
from landscape.report.network_study.phrases import called, capital, divergence, listed, spread
from landscape.tables.published import PUBLISHED
from landscape.tables.rows import Outcome

AGAINST = (("fast", "speedrun"), ("accurate", "resnet18"), ("compact", "resnet18"))  # families
VIEWS = {"test_accuracy": "one view", "test_accuracy_augmented": "six views"}


@dataclass(frozen=True)
class Comparison:
    """Two final networks over seeds: `difference` is ours minus theirs, `ratio` ours ÷ theirs."""

    difference: float | None
    interval: tuple[float, float] | None
    ratio: float | None
    pairs: int


def compared(table: pd.DataFrame, ours: str, theirs: str, measure: str) -> Comparison | None:
    """A row of network/comparisons.csv, in whichever order it holds the two."""
    for first, second, sign in ((theirs, ours, 1), (ours, theirs, -1)):
        both = (table["first"] == first) & (table["second"] == second)
        for row in table[both & (table["measure"] == measure)].to_dict("records"):
            limits = sorted((sign * row["low"], sign * row["high"]))
            return Comparison(
                difference=None if pd.isna(row["difference"]) else sign * row["difference"],
                interval=None if pd.isna(row["low"]) else (limits[0], limits[1]),
                ratio=None if pd.isna(row["ratio"]) else row["ratio"] ** sign,
                pairs=row["pairs"],
            )
    return None


def abstract(outcomes: Sequence[Outcome], comparisons: pd.DataFrame) -> list[str]:
    """Which final network is the best in each currency, and how ours do against the published."""
    tested = [o for o in outcomes if o.kind == "final" and o.has("test_accuracy")]
    if not tested:
        return []
    most = max(tested, key=lambda o: o.known("test_accuracy"))
    said = [f"The most accurate final network is “{called(most)}”: {_accuracies(most)}."]
    smallest = min(tested, key=lambda o: o.known("parameters"))
    said.append(
        f"The smallest of them is “{called(smallest)}”: {count(smallest.known('parameters'))} "
        f"parameters and {percent(smallest.known('test_accuracy'))}."
    )
    trained = [o for o in tested if o.has("train_flops")]
    if trained:
        least = min(trained, key=lambda o: o.known("train_flops"))
        said.append(
            f"The fewest operations of training has “{called(least)}”: "
            f"{petaflops(least.known('train_flops'))} for {percent(least.known('test_accuracy'))}."
        )
    return said + [
        sentence
        for ours in (o for o in tested if o.family == "fast")
        for theirs in (o for o in tested if o.family == "speedrun")
        for measure in VIEWS
        for sentence in _against(ours, theirs, measure, comparisons)
    ]


def final_sentences(outcomes: Sequence[Outcome]) -> list[str]:
    """Each final network in a sentence: how good, how large, how long."""
    said = []
    for o in outcomes:
        if o.kind == "final":
            said.append(f"{capital(called(o))}: {_accuracies(o)}; {_size_and_cost(o)}.")
            if o.diverged:
                said.append(divergence(o))
    return said


def plain_sentences(outcomes: Sequence[Outcome]) -> list[str]:
    """The network whose backward passes are derived by hand."""
    said = []
    for o in outcomes:
        if o.kind == "plain":
            said.append(f"The network reaches {_accuracies(o)}; it has {_size_and_cost(o)}.")
            if o.diverged:
                said.append(divergence(o))
    return said


def against_sentences(outcomes: Sequence[Outcome], comparisons: pd.DataFrame) -> list[str]:
    """Our networks against the published designs that were trained here, on the same data."""
    finals = [o for o in outcomes if o.kind == "final"]
    said = []
    for family, other in AGAINST:
        for ours in (o for o in finals if o.family == family):
            for theirs in (o for o in finals if o.family == other):
                for measure in VIEWS:
                    said += _against(ours, theirs, measure, comparisons)
                said += _relative_cost(ours, theirs, comparisons)
    return said


def published_sentences(outcomes: Sequence[Outcome], dataset: Mapping[str, Any]) -> list[str]:
    """Where ours stand among the published ones, if the data are the same at all."""
    if dataset["official_pixels"] is not True:
        return [
            f"Our networks were trained and tested on: {dataset['name']}. Published accuracies "
            "are on the official pixels, so nothing follows from the distance to them."
        ]
    said = []
    for o in outcomes:
        if o.kind != "final" or not o.has("test_accuracy"):
            continue
        augmented = o.has("test_accuracy_augmented")
        accuracy = o.known("test_accuracy_augmented" if augmented else "test_accuracy")
        beaten_by = [
            f"{entry.name} ({entry.accuracy:g} %, {count(entry.parameters)})"
            for entry in PUBLISHED
            if entry.accuracy >= 100 * accuracy and entry.parameters <= o.known("parameters")
        ]
        views = ", six views" if augmented else ""
        name = f"{called(o)} ({percent(accuracy)}{views}, {count(o.known('parameters'))})"
        if beaten_by:
            said.append(
                f"{capital(name)} is beaten in accuracy and parameters at once by published "
                f"networks: {', '.join(beaten_by)}."
            )
        else:
            said.append(f"No published network of the table beats {name} in both at once.")
    return said


def _against(ours: Outcome, theirs: Outcome, measure: str, comparisons: pd.DataFrame) -> list[str]:
    """Better, worse or undecided."""
    found = compared(comparisons, ours.level, theirs.level, measure)
    if found is None or found.difference is None:
        return []
    text = (
        f"{capital(called(ours))} against {called(theirs)}, {VIEWS[measure]} of each test image: "
        f"{points(found.difference)} points"
    )
    word = "better" if found.difference > 0 else "worse"
    if found.interval is None:
        return [f"{text}, {word} with one seed and thus without an interval."]
    limits = f"95 % interval {points_span(found.interval)}, {found.pairs} seeds"
    if found.interval[0] <= 0 <= found.interval[1]:
        word = "undecided, as the interval includes 0"
    return [f"{text} ({limits}): {word}."]


def _relative_cost(ours: Outcome, theirs: Outcome, comparisons: pd.DataFrame) -> list[str]:
    """How many times the parameters, the operations and the seconds."""
    ratio = ours.known("parameters") / theirs.known("parameters")
    parts = [f"{number(ratio)} times the parameters"]
    for measure, word in (("train_flops", "operations"), ("train_seconds", "seconds")):
        found = compared(comparisons, ours.level, theirs.level, measure)
        if found and found.ratio is not None:
            parts.append(f"{number(found.ratio)} times the {word} of training")
    return [f"{capital(called(ours))} needs {listed(parts)} of {called(theirs)}."]


def _accuracies(o: Outcome) -> str:
    """93.42 ± 0.28 % test accuracy over 5 seeds (94.02 ± 0.28 % with six views of each image)."""
    if not o.has("test_accuracy"):
        return "no test accuracy"
    left = o.seeds - o.diverged
    seeds = f"over {left} seeds" if left > 1 else "with one seed"
    deviation = o.values["test_accuracy_std"]
    text = f"{spread(o.known('test_accuracy'), deviation)} test accuracy {seeds}"
    if not o.has("test_accuracy_augmented"):
        return text
    deviation = o.values["test_accuracy_augmented_std"]
    more = spread(o.known("test_accuracy_augmented"), deviation)
    return f"{text} ({more} with six views of each image)"


def _size_and_cost(o: Outcome) -> str:
    parts = [f"{count(o.known('parameters'))} parameters"]
    if o.has("flops"):
        parts.append(f"{operations(o.known('flops'))} for an image")
    if o.has("train_flops"):
        parts.append(f"{petaflops(o.known('train_flops'))} of training")
    if o.has("train_seconds"):
        parts.append(f"{duration(o.known('train_seconds'))} of training")
    return listed(parts)
