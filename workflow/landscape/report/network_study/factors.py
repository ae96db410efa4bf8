"""One factor at a time, and one part less: paired differences in words."""

from collections.abc import Sequence

from landscape.config.network_study import BASE, JUDGED_BY
from landscape.notation.numbers import percent, points, points_span
from landscape.notation.units import count
from landscape.report.network_study.phrases import (
    called,
    capital,
    divergence,
)
from landscape.tables.rows import Outcome

UNEQUAL = 1.1  # levels whose parameters differ by more than this factor do not cost the same
SAME = 1.01  # a part with fewer parameters than this factor says does not change the size
UNDECIDED = ": the interval includes 0, so this study does not decide"


def factor_sentences(outcomes: Sequence[Outcome], factor: str) -> list[str]:
    """The best level of a factor, by how much, and what can be said of the others."""
    every = [o for o in outcomes if o.kind == "sweep" and o.group == factor]
    levels = [o for o in every if o.has(JUDGED_BY)]
    said = []
    if levels:
        best = max(levels, key=lambda o: o.known(JUDGED_BY))
        said = [_best(best, levels), *_others(best, levels), *_sizes(levels)]
    return said + [divergence(o) for o in every if o.diverged]


def ablation_sentences(outcomes: Sequence[Outcome], final: str) -> list[str]:
    """What a final network loses or gains without one of its parts."""
    (whole,) = [o for o in outcomes if o.kind == "final" and o.level == final]
    said = []
    for o in outcomes:
        if o.kind != "ablation" or o.group != final:
            continue
        if o.has("difference"):
            effect = _verdict(o, "the part helps", "the network is better without it")
            said.append(f"{capital(called(whole))}, {o.level}: {_difference(o)}{effect}.")
            said += _size_without(whole, o)
        if o.diverged:
            said.append(divergence(o))
    return said


def _best(best: Outcome, levels: Sequence[Outcome]) -> str:
    """The level of the highest accuracy against the base, or the base against the next."""
    base = next((o for o in levels if o.run == BASE), None)
    accuracy = percent(best.known(JUDGED_BY))
    if best is base:
        others = [o for o in levels if o.has("difference")]
        if not others:
            return f"Only the base has an accuracy: {best.level}, {accuracy}."
        closest = max(others, key=lambda o: o.known(JUDGED_BY))
        return (
            f"The base is best: {best.level}, {accuracy} validation accuracy; the next is "
            f"{closest.level}, {_difference(closest)}{_verdict(closest)}."
        )
    if base is None or not best.has("difference"):
        return f"Best is {best.level}: {accuracy} validation accuracy; there is no base beside it."
    return (
        f"Best is {best.level}: {accuracy} validation accuracy against "
        f"{percent(base.known(JUDGED_BY))} of the base ({base.level}), "
        f"{_difference(best)}{_verdict(best)}."
    )


def _others(best: Outcome, levels: Sequence[Outcome]) -> list[str]:
    """All levels but the best and the base, sorted by what their intervals allow to say."""
    groups: dict[str, list[str]] = {}
    for o in levels:
        if o is best or not o.has("difference"):
            continue
        interval = o.interval("difference")
        if interval is None:
            word = "without an interval"
        elif interval[1] < 0:
            word = "worse"
        else:
            word = "better" if interval[0] > 0 else "not decided"
        groups.setdefault(word, []).append(f"{o.level} ({points(o.known('difference'))})")
    if not groups:
        return []
    found = "; ".join(f"{word}: {', '.join(names)}" for word, names in groups.items())
    return [f"The other levels against the base, in points: {found}."]


def _sizes(levels: Sequence[Outcome]) -> list[str]:
    by_size = sorted(levels, key=lambda o: o.known("parameters"))
    least, most = (o.known("parameters") for o in (by_size[0], by_size[-1]))
    if most <= UNEQUAL * least:
        return []
    return [
        f"The levels differ in size as well: from {count(least)} parameters ({by_size[0].level}) "
        f"to {count(most)} ({by_size[-1].level})."
    ]


def _size_without(whole: Outcome, o: Outcome) -> list[str]:
    before, after = whole.known("parameters"), o.known("parameters")
    if max(before, after) <= SAME * min(before, after):
        return []
    return [f"It then has {count(after)} parameters instead of {count(before)}."]


def _difference(o: Outcome) -> str:
    """Points with their interval: +0.71 points (95 % interval [+0.20, +1.22])."""
    text = f"{points(o.known('difference'))} points"
    interval = o.interval("difference")
    if interval is None:
        return f"{text} (one seed, so there is no interval)"
    return f"{text} (95 % interval {points_span(interval)})"


def _verdict(o: Outcome, negative: str = "", positive: str = "") -> str:
    """What follows from a difference, if its interval allows anything to follow."""
    interval = o.interval("difference")
    if interval is None:
        return ""
    if interval[0] <= 0 <= interval[1]:
        return UNDECIDED
    word = negative if interval[1] < 0 else positive
    return f": {word}" if word else ""
