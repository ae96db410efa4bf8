"""Panels of the insight figures: one per network, with a common layout."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from landscape.figures.insight.inspected import Inspected

SMALL = 8  # points, of the words beside single images and on crowded axes
ACROSS = 3  # panels


def legend(figure: Figure, networks: list[Inspected]) -> None:
    handles = [
        Line2D(
            [],
            [],
            color=network.color,
            ls=network.line,
            marker=network.marker,
            ms=4.5,
            label=network.title.replace("\n", ", "),
        )
        for network in networks
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(4, len(handles)))


def rows_of(networks: list[Inspected]) -> int:
    """How many rows of panels."""
    return -(-len(networks) // ACROSS)


def panels(figure: Figure, networks: list[Inspected]) -> list[Axes]:
    """A panel per network, in rows of three; two networks have the width of three."""
    grid: NDArray[Any] = figure.subplots(
        rows_of(networks), min(ACROSS, len(networks)), squeeze=False
    )
    panels = list(grid.flat)
    for unused in panels[len(networks) :]:
        unused.remove()
    return panels[: len(networks)]


def bare(axes: Axes) -> Axes:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    axes.patch.set_visible(False)  # it would hide the text of its neighbour
    axes.spines[:].set_visible(False)
    return axes
