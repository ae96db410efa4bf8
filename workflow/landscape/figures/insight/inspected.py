"""The inspected networks, as the figures read them from arrays and numbers."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from landscape.errors import UserError
from landscape.figures.colors import color, drawn_as, marker
from landscape.figures.envelope import empty_figure
from landscape.figures.style import styled
from landscape.notation.names import final_name

Arrays = dict[str, NDArray[Any]]
Info = dict[str, Any]

LINES = ("-", "--", "-.", ":")
SPARE_MARKERS = ("s", "D", "v", "P", "X", "o")  # used if two networks would have the same


@dataclass(frozen=True)
class Inspected:
    """One network: its name and style, and its quantities, which are refused unless finite."""

    index: int
    run: str
    title: str
    color: str
    line: str
    marker: str
    arrays: Arrays
    numbers: Info

    def array(self, name: str) -> NDArray[Any]:
        return self._finite(name, self.arrays.get(f"{self.index}/{name}"))

    def has(self, name: str) -> bool:
        return f"{self.index}/{name}" in self.arrays

    def number(self, name: str) -> NDArray[Any]:
        """A number of insight.json, or an array of numbers."""
        return self._finite(name, self.numbers.get(name))

    def column(self, table: str, name: str) -> NDArray[Any]:
        """A column of a table of insight.json."""
        return self._finite(f"{table}.{name}", (self.numbers.get(table) or {}).get(name))

    def _finite(self, name: str, value: Any) -> NDArray[Any]:
        if value is None:
            raise UserError(f"{self.run}: {name} is missing")
        array = np.asarray(value)
        if array.dtype.kind not in "OUS" and not np.isfinite(array).all():
            raise UserError(f"{self.run}: {name} must be finite, but has NaN or inf")
        return array


Draw = Callable[[Arrays, Info], Figure]


def of_networks(draw: Draw) -> Draw:
    """A styled figure of the inspected networks; if all diverged, it says so."""

    @styled
    @functools.wraps(draw)
    def wrapper(arrays: Arrays, info: Info) -> Figure:
        if not info.get("networks") and info.get("diverged"):
            return empty_figure("No value: every run to inspect diverged.")
        return draw(arrays, info)

    return wrapper


def inspected(arrays: Arrays, info: Info) -> list[Inspected]:
    """The networks of insight.json in its order, each with its own line style and marker."""
    networks: list[Info] = info.get("networks") or []
    if not networks:
        raise UserError("networks: the list is empty")
    markers: list[str] = []
    for network in networks:
        choice = [marker(_look(network)), *SPARE_MARKERS]
        markers.append(next((m for m in choice if m not in markers), choice[0]))
    return [
        Inspected(
            index=index,
            run=numbers["run"],
            title=title,
            color=color(_look(numbers)),
            line=LINES[index % len(LINES)],
            marker=markers[index],
            arrays=arrays,
            numbers=numbers,
        )
        for index, (numbers, title) in enumerate(zip(networks, titles(networks), strict=True))
    ]


def titles(networks: list[Info]) -> list[str]:
    """The network's name and, if several runs have it, what distinguishes each of them."""
    said = []
    for network in networks:
        name = _name(network)
        same = [other for other in networks if _name(other) == name]
        differs = [
            text(network)
            for key, text in _DIFFERENCES.items()
            if len({other.get(key) for other in same}) > 1
        ]
        said.append(f"{name}\n{', '.join(differs)}" if differs else name)
    return said


def _final(network: Info) -> str:
    """A final network's name in the configuration; for any other, its architecture's."""
    kind, _, level = str(network["name"]).partition("/")
    return level.replace("_", " ") if kind == "final" else str(network["arch"])


def _name(network: Info) -> str:
    return final_name(_final(network), network["arch"])


def _look(network: Info) -> str:
    return drawn_as(_final(network), network["arch"])


_DIFFERENCES: dict[str, Callable[[Info], str]] = {
    "name": lambda network: str(network["name"]).rpartition("/")[2].replace("_", " "),
    "learning_rate": lambda network: f"lr {network['learning_rate']:g}",
    "seed": lambda network: f"seed {network['seed']}",
}
