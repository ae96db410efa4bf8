"""Sweeps and ablations: which differences are decided, and which survive Holm's correction."""

from collections.abc import Sequence
from typing import Any

from landscape.config.entries import is_base
from landscape.config.network_study import JUDGED_BY
from landscape.notation.names import final_name
from landscape.report.network_study.phrases import (
    Images,
    called,
    diverged,
)
from landscape.report.phrases import capital, cite, counted, listed, several
from landscape.tables.rows import Outcome
from landscape.tables.statistics import ENOUGH

Table = dict[str, Any]  # head and body, texts only
SURVIVES = "*"


def effects(levels: Sequence[Outcome], images: Images) -> dict[str, list[str]]:
    """The levels grouped by the outcome of their comparison: better, worse, undecided, at chance.

    A level that survives Holm's correction is marked. If every level is at chance, the other
    groups are empty.
    """
    found: dict[str, list[str]] = {"better": [], "worse": [], "undecided": [], "at chance": []}
    for o in levels:
        if images.at_chance(o, JUDGED_BY):
            found["at chance"].append(called(o))
        if not o.has("difference") or _stuck(levels, images):
            continue
        interval = o.interval("difference")
        if interval is None or interval[0] <= 0 <= interval[1]:
            if called(o) not in found["at chance"]:
                found["undecided"].append(called(o))
        else:
            found["better" if interval[0] > 0 else "worse"].append(_marked(o))
    return found


def _stuck(levels: Sequence[Outcome], images: Images) -> bool:
    """Whether all levels of a factor that have an accuracy are at chance."""
    judged = [o for o in levels if o.has(JUDGED_BY)]
    return bool(judged) and all(images.at_chance(o, JUDGED_BY) for o in judged)


def factor_table(outcomes: Sequence[Outcome], titles: dict[str, str], images: Images) -> Table:
    """A row per factor: its base, and its levels grouped by outcome."""
    body = []
    for factor, title in titles.items():
        levels = _levels(outcomes, factor)
        base = next((called(o) for o in levels if is_base(o.run)), "")
        found = effects(levels, images)
        undecided = ", ".join(found["undecided"])
        if _stuck(levels, images):
            undecided = "all levels are at chance: no conclusion"
        elif found["at chance"]:
            stuck = f"at chance: {', '.join(found['at chance'])}"
            undecided = "; ".join(filter(None, [undecided, stuck]))
        figure = cite("figure", f"sweep_{factor}")
        cells = [title, base, *(", ".join(found[word]) for word in ("better", "worse"))]
        body.append([*cells, undecided, figure])
    head = ["factor", "base", "better", "worse", "not decided", "see"]
    return {"head": head, "body": body}


def factors_paragraph(outcomes: Sequence[Outcome], titles: dict[str, str], images: Images) -> str:
    """How many levels were compared, how many are decided, and how many survive the correction."""
    sweeps = [o for o in outcomes if o.kind == "sweep"]
    said = _comparisons([o for o in sweeps if o.has("difference")], "level", "the base")
    stuck = [
        title.lower()
        for factor, title in titles.items()
        if _stuck(_levels(outcomes, factor), images)
    ]
    if stuck:
        said.append(
            f"Nothing follows for {listed(stuck)}: every level is at chance, because the runs were "
            "too short or the images too difficult."
        )
    return " ".join([*said, *_sizes(outcomes, titles), *diverged(sweeps)])


def _comparisons(compared: Sequence[Outcome], thing: str, reference: str) -> list[str]:
    if not compared:
        return [f"No {thing} is compared with {reference}."]
    verb = "is" if len(compared) == 1 else "are"
    said = [
        f"{capital(several(len(compared), thing))} {verb} compared with {reference}, seed by seed."
    ]
    with_interval = [o for o in compared if o.interval("difference") is not None]
    if not with_interval:
        most = max(int(o.values.get("pairs") or 0) for o in compared)
        said.append(
            f"With {several(most, 'seed')} a difference has no interval, so nothing is decided."
        )
        return said
    own = [o for o in with_interval if _decided(o)]
    kept = [o for o in with_interval if o.values.get("survives")]
    left = counted(len(kept)) if kept else "none"
    said.append(
        f"The 95 % interval alone decides {several(len(own), 'difference')}. After Holm's "
        f"correction for {several(len(with_interval), 'comparison')}, {left} "
        f"{'remain' if len(kept) > 1 else 'remains'}" + (f", marked {SURVIVES}." if kept else ".")
    )
    return said


def _marked(o: Outcome) -> str:
    return called(o) + (SURVIVES if o.values.get("survives") else "")


def _decided(o: Outcome) -> bool:
    interval = o.interval("difference")
    return interval is not None and not interval[0] <= 0 <= interval[1]


def _levels(outcomes: Sequence[Outcome], factor: str) -> list[Outcome]:
    return [o for o in outcomes if o.kind == "sweep" and o.group == factor]


UNEQUAL = 1.1  # levels whose parameters differ by more than this factor are of different sizes


def _sizes(outcomes: Sequence[Outcome], titles: dict[str, str]) -> list[str]:
    """Factors whose levels also differ in size."""
    found = []
    for factor, title in titles.items():
        sizes = [o.known("parameters") for o in _levels(outcomes, factor)]
        if sizes and max(sizes) > UNEQUAL * min(sizes):
            found.append(title.lower())
    if not found:
        return []
    return [f"Levels of {listed(found)} also differ in their number of parameters."]


def ablations_paragraph(outcomes: Sequence[Outcome], images: Images) -> str:
    """Which parts of the final networks help, hurt, or are not decided."""
    rows = [o for o in outcomes if o.kind == "ablation"]
    said = _comparisons([o for o in rows if o.has("difference")], "part", "the whole network")
    for group in dict.fromkeys(o.group for o in rows):
        (whole,) = [o for o in outcomes if o.kind == "final" and o.level == group]
        name = called(whole)
        parts = [o for o in rows if o.group == group and o.has("difference")]
        if images.at_chance(whole, JUDGED_BY):
            said.append(f"{capital(name)} is at chance, so nothing follows about its parts.")
            continue
        words = {
            "is worse": [o for o in parts if _decided(o) and (o.values["difference"] or 0) < 0],
            "is better": [o for o in parts if _decided(o) and (o.values["difference"] or 0) > 0],
        }
        for word, those in words.items():
            if those:
                each = listed(
                    [o.level + (SURVIVES if o.values.get("survives") else "") for o in those]
                )
                said.append(f"{capital(name)} {word} with {each}.")
        left = [called(o) for o in parts if not _decided(o)]
        if left and any((o.values.get("pairs") or 0) >= ENOUGH for o in parts):
            said.append(f"Not decided for {name}: {listed(left)}.")
    return " ".join([*said, *diverged(rows)])


def group_name(o: Outcome, titles: dict[str, str]) -> str:
    """The factor of a sweep's level, or the network from which an ablation removes a part."""
    return titles[o.group] if o.kind == "sweep" else final_name(o.group, o.family)
