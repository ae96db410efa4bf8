"""The final networks: in a table, compared with each other, and with published networks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from landscape.notation.numbers import number, percent, points, points_span
from landscape.notation.units import count, duration, operations, petaflops
from landscape.report.network_study.phrases import (
    Images,
    accuracy_text,
    called,
    diverged,
)
from landscape.report.phrases import capital, listed, table
from landscape.tables.published import PUBLISHED, comparable
from landscape.tables.rows import Outcome

Table = dict[str, Any]  # head and body, texts only
AGAINST = (("fast", "speedrun"), ("accurate", "resnet18"), ("compact", "resnet18"))  # families
ACCURACIES = ("test_accuracy", "test_accuracy_augmented", "validation_accuracy")


@dataclass(frozen=True)
class Comparison:
    """Two final networks over seeds: `difference` is ours minus theirs, `ratio` ours ÷ theirs."""

    difference: float | None
    interval: tuple[float, float] | None
    ratio: float | None
    pairs: int


def compared(comparisons: pd.DataFrame, ours: str, theirs: str, measure: str) -> Comparison | None:
    """A row of network/comparisons.csv, whichever of the two networks it has first."""
    for first, second, sign in ((theirs, ours, 1), (ours, theirs, -1)):
        both = (comparisons["first"] == first) & (comparisons["second"] == second)
        for row in comparisons[both & (comparisons["measure"] == measure)].to_dict("records"):
            limits = sorted((sign * row["low"], sign * row["high"]))
            return Comparison(
                difference=None if pd.isna(row["difference"]) else sign * row["difference"],
                interval=None if pd.isna(row["low"]) else (limits[0], limits[1]),
                ratio=None if pd.isna(row["ratio"]) else row["ratio"] ** sign,
                pairs=row["pairs"],
            )
    return None


def finals_table(outcomes: Sequence[Outcome], images: Images) -> Table:
    head = ["network", "test (%)", "six views (%)", "validation (%)", "parameters"]
    head += ["per image", "training", "training time", "seeds"]
    body = []
    for o in outcomes:
        if o.kind in ("final", "plain"):
            costs = (("flops", operations), ("train_flops", petaflops), ("train_seconds", duration))
            accuracies = (accuracy_text(o, measure, images) for measure in ACCURACIES)
            body.append(
                [
                    called(o),
                    *(text.removesuffix(" %") for text in accuracies),
                    count(o.known("parameters")),
                    *(write(o.known(cost)) if o.has(cost) else "" for cost, write in costs),
                    f"{o.seeds}, {o.diverged} diverged" if o.diverged else f"{o.seeds}",
                ]
            )
    return {"head": head, "body": body}


def finals_paragraph(outcomes: Sequence[Outcome], images: Images) -> str:
    """The best final networks by accuracy, parameters and operations, among those that learned."""
    finals = [o for o in outcomes if o.kind == "final" and o.has("test_accuracy")]
    stuck = [o for o in finals if images.at_chance(o, "test_accuracy")]
    learned = [o for o in finals if o not in stuck]
    said = [f"{capital(table('finals'))} lists the final networks."]
    if stuck:
        said.append(f"At chance: {listed([called(o) for o in stuck])}.")
    if learned:
        most = max(learned, key=lambda o: o.known("test_accuracy"))
        said.append(f"The most accurate is “{called(most)}”.")
    if len(learned) > 1:
        smallest = min(learned, key=lambda o: o.known("parameters"))
        said.append(f"“{called(smallest)}” needs the fewest parameters.")
        trained = [o for o in learned if o.has("train_flops")]
        if trained:
            least = min(trained, key=lambda o: o.known("train_flops"))
            said.append(f"“{called(least)}” needs the fewest training operations.")
        said.append(
            "Which network is best depends on which cost counts. The dashed line in the next "
            "figures joins the networks that no other beats in both accuracy and cost."
        )
    return " ".join([*said, *diverged([o for o in outcomes if o.kind == "final"])])


def plain_paragraph(outcomes: Sequence[Outcome], images: Images) -> str:
    """The network whose backward passes are derived by hand; empty if there is none."""
    for o in outcomes:
        if o.kind == "plain":
            if not o.has("test_accuracy"):
                return " ".join(diverged([o]))
            if images.at_chance(o, "test_accuracy"):
                return "Its test accuracy is at chance."
            accuracy = accuracy_text(o, "test_accuracy", images)
            text = f"It reaches a test accuracy of {accuracy} ({table('finals')})."
            return " ".join([text, *diverged([o])])
    return ""


def against_table(outcomes: Sequence[Outcome], comparisons: pd.DataFrame, images: Images) -> Table:
    """Our networks compared with published designs trained here on the same data."""
    finals = [o for o in outcomes if o.kind == "final"]
    body = []
    for family, other in AGAINST:
        for ours in (o for o in finals if o.family == family):
            for theirs in (o for o in finals if o.family == other):
                body.append(
                    [
                        f"{called(ours)} against {called(theirs)}",
                        *(
                            _difference(ours, theirs, measure, comparisons, images)
                            for measure in ACCURACIES[:2]
                        ),
                        number(ours.known("parameters") / theirs.known("parameters")),
                        *(
                            _ratio(ours, theirs, measure, comparisons)
                            for measure in ("train_flops", "train_seconds")
                        ),
                    ]
                )
    head = ["", "test, one view", "six views", "parameters", "operations", "seconds"]
    return {"head": head, "body": body}


def _difference(
    ours: Outcome, theirs: Outcome, measure: str, comparisons: pd.DataFrame, images: Images
) -> str:
    """Better, worse or undecided, with points and interval; chance is not ranked."""
    found = compared(comparisons, ours.level, theirs.level, measure)
    if found is None or found.difference is None:
        return ""
    if any(images.at_chance(o, measure) for o in (ours, theirs)):
        return "at chance"
    text = points(found.difference, images.test)
    if found.interval is None:
        return f"not decided\n{text}"
    low, high = found.interval
    word = "not decided" if low <= 0 <= high else ("better" if low > 0 else "worse")
    return f"{word}\n{text} {points_span(found.interval, images.test)}"


def _ratio(ours: Outcome, theirs: Outcome, measure: str, comparisons: pd.DataFrame) -> str:
    found = compared(comparisons, ours.level, theirs.level, measure)
    return number(found.ratio) if found and found.ratio is not None else ""


def published_paragraph(
    outcomes: Sequence[Outcome], dataset: Mapping[str, Any], images: Images
) -> str:
    """How ours compare with published networks, if the images can be compared."""
    if not comparable(dataset):
        return (
            "Figures and tables leave out published networks: their accuracies are on the official "
            f"pixels, and the images here are {dataset['name']}."
        )
    beaten, unbeaten = [], []
    for o in outcomes:
        if o.kind != "final" or not o.has("test_accuracy"):
            continue
        measure = "test_accuracy_augmented"
        measure = measure if o.has(measure) else "test_accuracy"
        accuracy = o.known(measure)
        better = [
            entry.name
            for entry in PUBLISHED
            if entry.accuracy >= 100 * accuracy and entry.parameters <= o.known("parameters")
        ]
        name = f"{called(o)} ({percent(accuracy, images.test)})"
        if better:
            beaten.append(f"{name}, by {listed(better)}")
        else:
            unbeaten.append(name)
    said = []
    if beaten:
        said.append(
            "Beaten by published networks in both accuracy and parameters: "
            f"{'; '.join(beaten)} ({table('published')})."
        )
    if unbeaten:
        said.append(f"No published network in the table beats {listed(unbeaten)} in both.")
    return " ".join(said)


def published_table() -> Table:
    body = [
        [
            entry.name,
            f"{entry.accuracy:.1f}",
            count(entry.parameters),
            petaflops(entry.flops) if entry.flops else "",
            f"{duration(entry.seconds)} ({entry.hardware})" if entry.seconds else "",
            "; ".join(filter(None, [entry.source, entry.remark])),
        ]
        for entry in PUBLISHED
    ]
    head = ["network", "accuracy (%)", "parameters", "training", "time", "source"]
    return {"head": head, "body": body}
