"""Rows of the summary tables, as figures and text read them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from landscape.errors import UserError


@dataclass(frozen=True)
class Row:
    """One headline number: a value per architecture, and second ÷ first.

    Intervals are over seeds; extremes are the lowest and the highest seed; `ratio_within` is the
    interval within the runs, if there are too few seeds.
    """

    measure: str
    values: dict[str, float | None]
    intervals: dict[str, tuple[float, float] | None]
    ratio: float | None
    ratio_interval: tuple[float, float] | None
    seeds: int
    extremes: dict[str, tuple[float, float] | None]
    ratio_extremes: tuple[float, float] | None
    ratio_within: tuple[float, float] | None


def headline_rows(summary: pd.DataFrame) -> dict[str, Row]:
    """A summary table by measure; empty cells become None."""
    names = compared_architectures(summary)
    found = {}
    for cells in summary.to_dict("records"):
        found[str(cells["measure"])] = Row(
            measure=str(cells["measure"]),
            values={name: _cell(cells, name) for name in names},
            intervals={name: _interval(cells, name) for name in names},
            ratio=_cell(cells, "ratio"),
            ratio_interval=_interval(cells, "ratio"),
            seeds=int(cells["seeds"]),
            extremes={name: _extremes(cells, name) for name in names},
            ratio_extremes=_extremes(cells, "ratio"),
            ratio_within=_interval(cells, "ratio_within"),
        )
    return found


def compared_architectures(summary: pd.DataFrame) -> list[str]:
    """The architectures of a summary table, in its order: the ratio is second ÷ first."""
    return [
        str(column)
        for column in summary.columns
        if column not in ("measure", "seeds")
        and not str(column).startswith("ratio")
        and not str(column).endswith(("_low", "_high", "_lowest", "_highest"))
    ]


@dataclass(frozen=True)
class Outcome:
    """One setting of the network study: what its runs share, and their means over seeds.

    `values` has every number of its row of network/summary.csv; None is an empty cell.
    """

    run: str
    kind: str
    group: str
    level: str
    family: str
    seeds: int
    diverged: int
    values: Mapping[str, float | None]

    def has(self, measure: str) -> bool:
        return self.values.get(measure) is not None

    def known(self, measure: str) -> float:
        """A number that must exist."""
        value = self.values.get(measure)
        if value is None:
            raise UserError(f"network/summary.csv: {self.level} ({self.group}) has no {measure}")
        return value

    def interval(self, measure: str) -> tuple[float, float] | None:
        return _interval(self.values, measure)

    def extremes(self, measure: str) -> tuple[float, float] | None:
        return _extremes(self.values, measure)


def outcomes(summary: pd.DataFrame) -> list[Outcome]:
    """The rows of network/summary.csv, in their order."""
    texts = ("run", "kind", "group", "level", "family")
    found = []
    for cells in summary.astype(dict.fromkeys(texts, str)).to_dict("records"):
        numbers = [str(key) for key in cells if key not in texts]
        found.append(
            Outcome(
                **{text: cells[text] for text in texts},
                seeds=int(cells["seeds"]),
                diverged=int(cells["diverged"]),
                values={key: _cell(cells, key) for key in numbers},
            )
        )
    return found


def _cell(cells: Mapping[Any, Any], key: str) -> float | None:
    value = cells.get(key)
    return None if value is None or pd.isna(value) else float(value)


def _extremes(cells: Mapping[Any, Any], key: str) -> tuple[float, float] | None:
    return _pair(cells, f"{key}_lowest", f"{key}_highest")


def _interval(cells: Mapping[Any, Any], key: str) -> tuple[float, float] | None:
    return _pair(cells, f"{key}_low", f"{key}_high")


def _pair(cells: Mapping[Any, Any], first: str, second: str) -> tuple[float, float] | None:
    low, high = _cell(cells, first), _cell(cells, second)
    return None if low is None or high is None else (low, high)
