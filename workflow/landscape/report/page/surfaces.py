"""The loss around trained networks, as surfaces to turn."""

import numpy as np
import pandas as pd

from landscape.figures.colors import HEATMAP, color
from landscape.figures.probe import extremes
from landscape.figures.surface import (
    NO_RUN,
    loss_ticks,
    surface_archs,
    surface_grids,
    surface_title,
)
from landscape.report.page.plots import Choice, Layout, Panel, Plot, empty, numbers


def surfaces(surface: pd.DataFrame) -> Plot:
    """One panel per run of network/surface.parquet, with one log scale for all."""
    grids, archs = surface_grids(surface), surface_archs(surface)
    panels = [
        _panel(surface_title(run, archs), color(archs[run]), grid, extremes(grids))
        for run, grid in grids.items()
    ]
    return Plot(
        "surfaces",
        "The loss around trained networks",
        "Loss in a plane of two random directions, in units of each filter's norm; the trained "
        "weights are at (0, 0). Height and colour are logarithmic, with one scale for all "
        "networks. Drag to turn.",
        ("loss_surface",),
        [Choice("", panels or [empty("", NO_RUN)])],
    )


def _panel(title: str, tint: str, grid: pd.DataFrame, limits: tuple[float, float]) -> Panel:
    low, high = np.log10(limits)
    values = grid.to_numpy()
    trace = {
        "type": "surface",
        "x": numbers(grid.columns),
        "y": numbers(grid.index),
        "z": [numbers(row) for row in np.log10(values)],
        "customdata": [numbers(row) for row in values],
        "cmin": low,
        "cmax": high,
        "colorscale": HEATMAP.capitalize(),
        "showscale": False,
        "hovertemplate": "(%{x:.2f}, %{y:.2f})<br>loss %{customdata:.3~g} nats<extra></extra>",
    }
    return Panel(_layout(title, tint, limits), [trace])


def _layout(title: str, tint: str, limits: tuple[float, float]) -> Layout:
    low, high = np.log10(limits)
    ticks = loss_ticks(*limits)
    room = 0.02 * (high - low) or 0.1
    return {
        "title": {"text": title.replace("\n", "<br>"), "font": {"color": tint}},
        "scene": {
            "xaxis": {"title": {"text": "direction 1"}, "tickvals": [-1, 0, 1]},
            "yaxis": {"title": {"text": "direction 2"}, "tickvals": [-1, 0, 1]},
            "zaxis": {
                "title": {"text": "loss (nats)"},
                "range": [low - room, high + room],
                "tickvals": numbers(np.log10(ticks)),
                "ticktext": [f"{tick:g}" for tick in ticks],
            },
            "aspectmode": "cube",
            "camera": {
                "eye": {"x": 1.7, "y": 1.5, "z": 0.9},
                "center": {"x": 0, "y": 0, "z": -0.2},
            },
        },
    }
