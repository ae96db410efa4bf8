"""Interactive plots as plain data: plotly's traces and layouts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from landscape.figures.colors import color
from landscape.notation.names import label

Trace = dict[str, Any]
Layout = dict[str, Any]

POINTS = 800  # of a curve, at most: more than a screen shows
DIGITS = 4  # of a number on the page
MANY = 2.5  # decades on a log axis: too many for more ticks than powers of ten


@dataclass(frozen=True)
class Panel:
    """One plotly graph; `moving` are further traces, one list for each position of the slider."""

    layout: Layout
    traces: list[Trace] = field(default_factory=list)
    moving: list[list[Trace]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Choice:
    """What a plot shows at one time: its panels, side by side if there is room."""

    name: str
    panels: list[Panel]


@dataclass(frozen=True)
class Slider:
    name: str
    positions: list[str]
    start: int


@dataclass(frozen=True)
class Plot:
    """An interactive plot and its printed figures; without JavaScript the first replaces it.

    Figures that the study lacks are left out. `asked` labels the choices.
    """

    name: str
    title: str
    text: str
    figures: tuple[str, ...]
    choices: list[Choice]
    asked: str = "measure"
    slider: Slider | None = None


def numbers(values: ArrayLike) -> list[float | None]:
    """Numbers for JSON, to `DIGITS` significant digits; null if not finite."""
    array = np.asarray(values, dtype=np.float64).ravel()
    return [float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None for value in array]


def thinned(count: int) -> NDArray[np.int64]:
    """The indices of at most `POINTS` of `count` points, evenly spaced from first to last."""
    return np.unique(np.linspace(0, count - 1, min(count, POINTS)).round().astype(np.int64))


def logarithmic(title: str, values: Iterable[float]) -> dict[str, Any]:
    """An axis for these positive numbers: ticks at 1, 2 and 5 or, over many decades, at powers."""
    known = [value for value in values if value > 0]
    decades = np.log10(max(known) / min(known)) if known else 0.0
    ticks = "D2" if decades < MANY else max(1, round(decades / MANY / 2))
    return {"type": "log", "title": {"text": title}, "tickformat": "~g", "dtick": ticks}


def linear(title: str) -> dict[str, Any]:
    return {"title": {"text": title}}


def curves(title: str, y: dict[str, Any]) -> Layout:
    """The layout of curves over training steps, whose values appear together on hover."""
    return {
        "title": {"text": title},
        "xaxis": {**linear("training step"), "hoverformat": ",d"},
        "yaxis": y,
        "hovermode": "x unified",
    }


def band(name: str, steps: pd.Index, bottom: ArrayLike, top: ArrayLike) -> list[Trace]:
    """The area between two edges; its text on hover has both."""
    kept = thinned(len(steps))
    x = [int(step) for step in steps[kept]]
    low, high = (numbers(np.asarray(edge)[kept]) for edge in (bottom, top))
    line = {"color": color(name), "width": 1}
    shared = {"x": x, "mode": "lines", "line": line, "legendgroup": name}
    return [
        {**shared, "y": low, "showlegend": False, "hoverinfo": "skip"},
        {
            **shared,
            "y": high,
            "name": label(name),
            "fill": "tonexty",
            "fillcolor": f"{color(name)}59",  # a third
            "customdata": low,
            "hovertemplate": "%{customdata:.3~g} to %{y:.3~g}",
        },
    ]


def curve(name: str, steps: pd.Index, values: ArrayLike) -> Trace:
    """A line of one architecture, its value on hover."""
    kept = thinned(len(steps))
    return {
        "x": [int(step) for step in steps[kept]],
        "y": numbers(np.asarray(values)[kept]),
        "mode": "lines",
        "name": label(name),
        "line": {"color": color(name), "width": 2},
        "hovertemplate": "%{y:.3~g}",
    }


def empty(title: str, reason: str) -> Panel:
    """A panel without data, with the reason."""
    text = {"text": reason.replace("\n", "<br>"), "showarrow": False, "x": 0.5, "y": 0.5}
    layout = {
        "title": {"text": title},
        "annotations": [{**text, "xref": "paper", "yref": "paper"}],
        "xaxis": {"visible": False},
        "yaxis": {"visible": False},
    }
    return Panel(layout)


def marks(steps: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    """Dotted vertical lines where an architecture's band loses runs."""
    return [
        {
            "type": "line",
            "x0": step,
            "x1": step,
            "y0": 0,
            "y1": 1,
            "yref": "paper",
            "line": {"color": color(name), "dash": "dot", "width": 1.5},
        }
        for name, step in steps
    ]
