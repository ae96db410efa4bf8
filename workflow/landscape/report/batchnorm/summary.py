"""Headline numbers and verdicts as tables of texts."""

from collections.abc import Mapping
from typing import Any

from landscape.notation.measure_keys import LEFT_AT, MEDIAN, median_of
from landscape.notation.names import label, measure_name
from landscape.notation.numbers import is_share, number, quantity, span
from landscape.report.verdicts import decide, direction_words
from landscape.tables.rows import Row
from landscape.tables.statistics import ENOUGH

Table = dict[str, Any]  # head and body, texts only
SIDES = {"bands": "over learning rates", "probe": "along the gradient"}


def shown(table: Mapping[str, Row]) -> dict[str, Row]:
    """The rows that have their own line: a median is in the line of its mean."""
    return {
        measure: row
        for measure, row in table.items()
        if not measure.endswith(MEDIAN) and not measure.startswith(LEFT_AT)
    }


def numbers(table: Mapping[str, Row], images: int) -> Table:
    """Every headline number per architecture: one value, two values, or a mean with interval."""
    rows = shown(table)
    names = list(next(iter(rows.values())).values) if rows else []
    body = [
        [
            measure_name(measure),
            *(values_text(row, name, images) for name in names),
            str(row.seeds),
        ]
        for measure, row in rows.items()
    ]
    return {"head": ["measure", *map(label, names), "seeds"], "body": body}


def values_text(row: Row, name: str, images: int) -> str:
    """A value; of two seeds both; of three or more the mean with its interval below."""
    value, ends, limits = row.values[name], row.extremes[name], row.intervals[name]
    if value is None:
        return ""
    text = quantity(row.measure, value, images)
    if limits is not None and row.measure != "diverged_runs":
        if is_share(row.measure):
            low, high = (quantity(row.measure, end, images).removesuffix(" %") for end in limits)
            return f"{text}\n[{low}, {high}]"
        return f"{text}\n{span(limits)}"
    if ends is None or ends[0] == ends[1] or row.seeds >= ENOUGH:
        return text
    return both(*(quantity(row.measure, end, images) for end in ends))


def both(one: str, other: str) -> str:
    """Two values with one unit: 41.2 and 42.1 %."""
    unit = other.partition(" ")[2]
    return f"{one.removesuffix(unit).strip()} and {other}"


def verdicts(tables: Mapping[str, Mapping[str, Row]], images: int) -> Table:
    """For each measure: is the second network's smaller, larger, equal or not decided?"""
    second = ""
    body = []
    for study, side in SIDES.items():
        lines = []
        for measure, row in shown(tables.get(study, {})).items():
            if len(row.values) < 2 or row.ratio is None:
                continue
            second = label(list(row.values)[1])
            median = tables[study].get(median_of(measure))
            lines.append(
                [
                    measure_name(measure),
                    direction_words(decide(row, images), measure),
                    number(row.ratio),
                    _limits(row),
                    number(median.ratio) if median and median.ratio is not None else "",
                ]
            )
        body += [[f"*{side}*", "", "", "", ""], *lines] if lines else []
    head = ["measure", second, "ratio", "seeds, or interval", "of medians"]
    return {"head": head, "body": body}


def _limits(row: Row) -> str:
    """The interval over seeds; or both seeds, and the interval within the runs."""
    if row.ratio_interval is not None:
        return span(row.ratio_interval)
    parts = []
    if row.ratio_extremes and row.ratio_extremes[0] != row.ratio_extremes[1]:
        parts.append(both(*map(number, row.ratio_extremes)))
    if row.ratio_within:
        parts.append(f"{span(row.ratio_within)}‡")
    return "\n".join(parts)
