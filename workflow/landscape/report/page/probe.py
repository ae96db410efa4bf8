"""The study along the gradient, one step size at a time."""

import numpy as np
import pandas as pd

from landscape.config.probe import Probe
from landscape.figures.colors import HEATMAP, color
from landscape.figures.envelope import archs_of, by_seed, middle
from landscape.figures.probe import NO_STEP_SIZE, beta_grids, extremes
from landscape.notation.names import label
from landscape.notation.numbers import number
from landscape.notation.units import times_rate
from landscape.report.captions import smoothing
from landscape.report.page.plots import (
    Choice,
    Layout,
    Panel,
    Plot,
    Slider,
    Trace,
    curve,
    curves,
    empty,
    linear,
    logarithmic,
    numbers,
    thinned,
)

MEASURES = {
    "loss": "loss after the step (nats)",
    "gradient_distance": "distance from the gradient before",
    "gradient_cosine": "cosine with the gradient before",
    "beta": "effective β",
}
NAMES = {
    "loss": "loss",
    "gradient_distance": "gradient distance",
    "gradient_cosine": "cosine of the gradients",
    "beta": "effective β",
}


def step_sizes(probe: pd.DataFrame, settings: Probe, smoothing_steps: int) -> Plot:
    """Each measure after a step of the size that the slider chooses, from probe/probe.parquet."""
    sizes = sorted(probe["relative_step_size"].unique())
    window = smoothing_steps // settings.every
    rate = f"{settings.learning_rate:g}"
    return Plot(
        "step_sizes",
        "One step size at a time",
        "The mini-batch's loss, and its gradient compared with the gradient before, after one step "
        f"of size η along the negative gradient. lr: the learning rate, {rate}. Medians over "
        f"seeds, {smoothing(window, window * settings.every)}.",
        ("probe_loss", "probe_gradient", "probe_beta"),
        [
            Choice(name, [_panel(probe, measure, sizes, smoothing_steps)])
            for measure, name in NAMES.items()
        ],
        slider=Slider(
            "step size η",
            [times_rate(size) for size in sizes],
            int(np.argmin([abs(np.log2(size)) for size in sizes])),
        ),
    )


def _panel(probe: pd.DataFrame, measure: str, sizes: list[float], smoothing_steps: int) -> Panel:
    known = probe[probe["loss"].notna() & probe[measure].notna()]
    if known.empty:
        return empty("", NO_STEP_SIZE)
    layout = curves("", _axis(measure, known[measure]))
    return Panel(layout, moving=[_at(known, size, measure, smoothing_steps) for size in sizes])


def _at(known: pd.DataFrame, size: float, measure: str, smoothing_steps: int) -> list[Trace]:
    """One curve per architecture; empty if it has no value at this size."""
    traces = []
    for name in archs_of(known):
        rows = known[(known["arch"] == name) & (known["relative_step_size"] == size)]
        values = by_seed(rows, measure)
        traces.append(curve(name, values.index, middle(values, smoothing_steps)))
    return traces


def _axis(measure: str, values: pd.Series) -> Layout:
    """One axis for all step sizes, so that the slider moves the curves and not the axis."""
    axis = linear(MEASURES[measure])
    if measure != "gradient_cosine":
        axis = logarithmic(MEASURES[measure], values)
        values = np.log10(values[values > 0])
    low, high = float(values.min()), float(values.max())
    room = 0.03 * (high - low) or 0.1
    return {**axis, "range": [low - room, high + room]}


def beta(probe: pd.DataFrame, settings: Probe) -> Plot:
    """β by training step and step size, one panel per architecture, from probe/probe.parquet."""
    grids = beta_grids(probe)
    panels = [_heatmap(name, grid, extremes(grids)) for name, grid in grids.items()]
    return Plot(
        "beta",
        "Effective β by step and step size",
        "β(η), the change of the gradient divided by the distance moved, by training step and step "
        f"size relative to the learning rate {settings.learning_rate:g}; geometric mean over "
        "seeds, one log colour scale, not smoothed.",
        ("probe_beta_heatmap", "probe_parts"),
        [Choice("", panels or [empty("", NO_STEP_SIZE)])],
    )


def _heatmap(name: str, grid: pd.DataFrame, limits: tuple[float, float]) -> Panel:
    part = grid.iloc[:, thinned(grid.shape[1])]
    low, high = np.log10(limits)
    ticks = np.linspace(low, high, 4) if high > low else np.array([low])
    values = part.to_numpy()
    trace: Trace = {
        "type": "heatmap",
        "x": [int(step) for step in part.columns],
        "y": [times_rate(size) for size in part.index],
        "z": [numbers(row) for row in np.log10(values)],
        "customdata": [numbers(row) for row in values],
        "zmin": low,
        "zmax": high,
        "colorscale": HEATMAP.capitalize(),
        "colorbar": {
            "title": {"text": "β"},
            "thickness": 12,
            "tickvals": numbers(ticks),
            "ticktext": [number(10**tick, 2) for tick in ticks],
        },
        "hovertemplate": "step %{x:,d}, η = %{y}<br>β = %{customdata:.3~g}<extra></extra>",
    }
    layout = {
        "title": {"text": label(name), "font": {"color": color(name)}},
        "xaxis": linear("training step"),
        "yaxis": {**linear("step size η"), "type": "category"},
    }
    return Panel(layout, [trace])
