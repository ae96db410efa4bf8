"""Verdicts on the ratio of two networks, and how firm they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from landscape.notation.names import label
from landscape.notation.numbers import is_share, number, quantity
from landscape.report.chance import differ
from landscape.report.phrases import capital, listed, several
from landscape.tables.rows import Row
from landscape.tables.statistics import ENOUGH

Direction = Literal["smaller", "larger", "equal", "undecided", "unknown"]
OPPOSITE: dict[Direction, Direction] = {"smaller": "larger", "larger": "smaller"}


@dataclass(frozen=True)
class Decision:
    """The second network compared with the first.

    `firm`: a 95 % interval over three seeds or more decides. Otherwise every seed points the same
    way, and the interval within the runs (for an accuracy, over test images) excludes equality.
    """

    direction: Direction
    firm: bool = False

    @property
    def decided(self) -> bool:
        return self.direction in OPPOSITE


@dataclass(frozen=True)
class Verdict:
    """On a claim: a word and a mark."""

    word: str
    mark: str


FOUND = Verdict("found", "✓")
LIKELY = Verdict("likely", "(✓)")
EQUAL = Verdict("equal", "=")
UNDECIDED = Verdict("not decided", "?")
UNLIKELY = Verdict("unlikely", "(✗)")
CONTRADICTED = Verdict("contradicted", "✗")
UNKNOWN = Verdict("not measured", "–")


def decide(row: Row, images: int) -> Decision:
    """`images` is the number of test images on which accuracies are measured."""
    names = list(row.values)[:2]
    values = [row.values[name] for name in names]
    if len(names) < 2 or row.ratio is None or None in values:
        return Decision("unknown")
    shown = [quantity(row.measure, value or 0.0, images) for value in values]
    if number(row.ratio) == "1.00" or shown[0] == shown[1]:
        return Decision("equal")
    low, high = row.ratio_interval or _few_seeds(row, images)
    if low <= 1 <= high:
        return Decision("undecided")
    return Decision("smaller" if high < 1 else "larger", firm=row.ratio_interval is not None)


def _few_seeds(row: Row, images: int) -> tuple[float, float]:
    """Limits of the ratio without an interval over seeds; (0, ∞) if nothing limits it."""
    nothing = 0.0, float("inf")
    if row.seeds >= ENOUGH or row.ratio_extremes is None:
        return nothing
    if is_share(row.measure):
        one, other = (value or 0.0 for value in list(row.values.values())[:2])
        return row.ratio_extremes if differ(one, other, images) else nothing
    if row.ratio_within is None:
        return nothing
    lowest, highest = zip(row.ratio_extremes, row.ratio_within, strict=True)
    return min(lowest), max(highest)


def on_claim(decision: Decision, expected: Direction) -> Verdict:
    """The verdict on the claim that the second network's value is `expected`."""
    if decision.direction == "unknown":
        return UNKNOWN
    if decision.direction == "equal":
        return EQUAL
    if decision.direction == "undecided":
        return UNDECIDED
    if decision.direction == expected:
        return FOUND if decision.firm else LIKELY
    return CONTRADICTED if decision.firm else UNLIKELY


def direction_words(decision: Decision, measure: str) -> str:
    """For the table of verdicts: smaller, likely larger, not decided."""
    if not decision.decided:
        words = {"unknown": "–", "undecided": "not decided"}
        return words.get(decision.direction, decision.direction)
    words = {"smaller": "lower", "larger": "higher"} if is_share(measure) else {}
    word = words.get(decision.direction, decision.direction)
    return word if decision.firm else f"likely {word}"


def stated(
    rows: Mapping[str, Row], images: int, less: str = "smaller", more: str = "larger"
) -> list[str]:
    """Whether each subject is `less` or `more` for the second network, without numbers.

    `rows`: subject → row. Subjects with the same outcome share a sentence.
    """
    groups: dict[tuple[Decision, int], list[str]] = {}
    for subject, row in rows.items():
        if len(row.values) > 1:
            groups.setdefault((decide(row, images), row.seeds), []).append(subject)
    if not groups:
        return []
    first, second = map(label, list(next(iter(rows.values())).values)[:2])
    return [
        _statement(decision, seeds, subjects, (first, second), (less, more))
        for (decision, seeds), subjects in groups.items()
    ]


def _statement(
    decision: Decision,
    seeds: int,
    subjects: list[str],
    networks: tuple[str, str],
    words: tuple[str, str],
) -> str:
    (first, second), (less, more) = networks, words
    subject, verb = listed(subjects), "is" if len(subjects) == 1 else "are"
    match decision.direction:
        case "unknown":
            has = "has" if len(subjects) == 1 else "have"
            return f"{capital(subject)} {has} no value for both networks."
        case "equal":
            return f"{capital(subject)} {verb} equal for both networks, within the digits shown."
        case "undecided":
            why = f"{several(seeds, 'seed')} {'is' if seeds == 1 else 'are'} too few"
            if seeds >= ENOUGH:
                why = f"the interval over {several(seeds, 'seed')} includes equality"
            return (
                f"It is not decided whether {subject} {verb} {less} or {more} for {second} than "
                f"for {first}: {why}."
            )
    word = less if decision.direction == "smaller" else more
    if decision.firm:
        return f"{capital(subject)} {verb} {word} for {second} than for {first}."
    return (
        f"{capital(subject)} {verb} probably {word} for {second} than for {first}, but "
        f"{several(seeds, 'seed')} {'is' if seeds == 1 else 'are'} too few to be sure."
    )
