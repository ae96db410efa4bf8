"""Page 1's answer: at most five sentences, the firmest first, with at most one number each."""

from collections.abc import Mapping, Sequence

from landscape.notation.names import label
from landscape.notation.numbers import number, percent
from landscape.report.batchnorm.claims import Judged, Tables
from landscape.report.phrases import capital, listed
from landscape.report.verdicts import Decision, decide
from landscape.tables.rows import Row

SENTENCES = 2  # about decided measures of the landscape, at most
LANDSCAPE = ("loss_range_mean", "gradient_distance_mean", "beta_maximum_mean", "loss_range_first")
ACCURACY = {"bands": "test_accuracy_best", "probe": "test_accuracy"}


def answer(
    tables: Tables,
    claims: Sequence[Judged],
    not_learned: Mapping[str, Sequence[str]],
    images: int,
    room: int,
    rates: int,
) -> list[str]:
    """At most `room` sentences; `not_learned`: study → the architectures at chance.

    The first study decides which network learns better, at the best of its `rates` learning rates.
    """
    said = []
    for study, table in list(tables.items())[:1]:
        if row := table.get(ACCURACY[study]):
            where = "at the best learning rate" if rates > 1 else "at the only learning rate"
            said += _learning(row, images, not_learned[study], where)
    stuck = not_learned.get("probe", ())
    if stuck and any(judged.claim.landscape for judged in claims):
        said.append(
            "The landscapes along the gradient are not compared: "
            f"{listed([label(name) for name in stuck])} stayed at chance, and a network at chance "
            "has a flat loss."
        )
    landscape = [judged for judged in claims if judged.claim.measure in LANDSCAPE and not stuck]
    decided = [judged for judged in landscape if judged.decision.decided]
    decided.sort(key=lambda judged: not judged.decision.firm)
    said += [_sentence(judged) for judged in decided[:SENTENCES]]
    undecided = [judged for judged in landscape if judged.decision.direction == "undecided"]
    if undecided:
        said.append(_undecided(undecided))
    said += [
        _sentence(judged)
        for judged in claims
        if judged.claim.measure == "loss_band_width" and judged.decision.decided
    ]
    return said[:room]


def _learning(row: Row, images: int, stuck: Sequence[str], where: str) -> list[str]:
    names = [name for name, value in row.values.items() if value is not None][:2]
    if not names:
        return ["No run reached a test accuracy."]
    best = {name: percent(row.values[name] or 0.0, images) for name in names}
    if len(names) == 1:
        return [
            f"{label(names[0])} classifies {best[names[0]]} of the test images correctly {where}; "
            "no other network was trained."
        ]
    first, second = names
    if set(names) <= set(stuck):
        return [
            f"No network learned: the test accuracies of {label(first)} and {label(second)} cannot "
            "be told from guessing, so their landscapes say nothing."
        ]
    decision = decide(row, images)
    if first in stuck and decision.direction == "larger":
        return [
            f"{label(second)} {_hedged(decision)}learns while {label(first)} stays at chance: it "
            f"classifies {best[second]} of the test images correctly."
        ]
    word = {"larger": "better", "smaller": "worse"}.get(decision.direction)
    if word:
        return [
            f"{label(second)} {_hedged(decision)}learns {word} than {label(first)}: {where} it "
            f"classifies {best[second]} of the test images correctly."
        ]
    if decision.direction == "equal":
        return [f"{label(second)} and {label(first)} reach the same test accuracy, {best[second]}."]
    return [
        f"It is not decided whether {label(second)} or {label(first)} reaches the higher test "
        "accuracy."
    ]


def _hedged(decision: Decision) -> str:
    return "" if decision.firm else "probably "


def _sentence(judged: Judged) -> str:
    claim, row = judged.claim, judged.row
    less = judged.decision.direction == "smaller"
    first, second = map(label, list(row.values)[:2])
    text = claim.said.format(
        word=claim.less if less else claim.more,
        ratio=number(row.ratio or 0.0),
        first=first,
        second=second,
    )
    return f"{capital(text)}." if judged.decision.firm else f"Probably {text}."


def _undecided(claims: Sequence[Judged]) -> str:
    names = {
        "loss_range_mean": "the range of its loss along the gradient is smaller",
        "gradient_distance_mean": "its gradient changes less over a step",
        "beta_maximum_mean": "its effective β is lower",
        "loss_range_first": "the range of its loss at step 0 is smaller",
    }
    found = [f"whether {names[judged.claim.measure]}" for judged in claims]
    first, second = map(label, list(claims[0].row.values)[:2])
    return f"Not decided for {second}, compared with {first}: {listed(found)}."
