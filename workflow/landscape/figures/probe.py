"""The study along the gradient (Santurkar et al. 2018, figure 4), step 0 in a panel of its own."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from landscape.errors import UserError
from landscape.figures.colors import HEATMAP, color
from landscape.figures.envelope import (
    archs_of,
    draw_bands,
    drops,
    empty_figure,
    legend,
    mark_drops,
    refuse_non_finite,
    say_empty,
    select,
)
from landscape.figures.style import log_scale, new_figure, styled
from landscape.notation.names import label
from landscape.notation.units import times_rate

NO_STEP_SIZE = "No value: at every step size the loss is not finite."


@styled
def probe_loss(bands: pd.DataFrame, smoothing_steps: int = 1) -> Figure:
    """Loss on the same mini-batch after steps of several sizes along the gradient."""
    return _figure(bands, {"loss": r"$L(\theta-\eta g)$ (nats)"}, smoothing_steps)


@styled
def probe_gradient(bands: pd.DataFrame, smoothing_steps: int = 1) -> Figure:
    """How much the gradient changes and turns over a step: distance and cosine."""
    measures = {
        "gradient_distance": r"$\|\nabla L(\theta-\eta g)-g\|_2$",
        "gradient_cosine": r"$\cos(\nabla L(\theta-\eta g),\,g)$",
    }
    return _figure(bands, measures, smoothing_steps, linear=("gradient_cosine",))


@styled
def probe_beta(bands: pd.DataFrame, smoothing_steps: int = 1) -> Figure:
    """Effective β along the gradient."""
    measures = {"beta": r"$\beta(\eta)=\|\nabla L(\theta-\eta g)-g\|\,/\,(\eta\|g\|)$"}
    return _figure(bands, measures, smoothing_steps)


@styled
def probe_beta_heatmap(probe: pd.DataFrame) -> Figure:
    """Effective β by step size and training step, geometric mean over seeds."""
    grids = beta_grids(probe)
    if not grids:
        return empty_figure(NO_STEP_SIZE)
    low, high = extremes(grids)
    scale = LogNorm(low, high * (1 + 1e-9))
    names, sizes = list(grids), next(iter(grids.values())).index
    figure = new_figure(height=1.2 + 1.35 * len(names))
    rows = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(rows, names, strict=True):
        grid = grids[name]
        steps = grid.columns.to_numpy(dtype=np.float64)
        image = axes.pcolormesh(
            _edges(steps), np.arange(len(sizes) + 1), grid, norm=scale, cmap=HEATMAP
        )
        image.set_rasterized(True)
        axes.set_yticks(np.arange(len(sizes)) + 0.5, [times_rate(size) for size in sizes])
        axes.set_title(label(name), color=color(name))
        axes.grid(False)
    rows[-1].set_xlabel("training step")
    figure.supylabel(r"step size $\eta$", size=8.5)
    bar = figure.colorbar(image, ax=list(rows), label=r"$\beta(\eta)$", fraction=0.04, pad=0.02)
    bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    return figure


def beta_grids(probe: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Architecture → β, relative step size by step: the geometric mean over seeds.

    Empty if no step size has a finite loss.
    """
    probe = probe[probe["loss"].notna()]  # elsewhere the step size has diverged
    refuse_non_finite(probe, ["beta"], "measure 'beta'")
    if (probe["beta"] < 0).any():
        raise UserError("measure 'beta': must be positive to be drawn on a log scale")
    positive = probe[probe["beta"] > 0].assign(log=lambda t: np.log(t["beta"]))
    means = positive.groupby(["arch", "relative_step_size", "step"])["log"].mean().map(np.exp)
    sizes = sorted(probe["relative_step_size"].unique())
    return {
        name: means[name].unstack("step").reindex(index=sizes).sort_index(axis=1)
        for name in archs_of(positive)
    }


def extremes(grids: dict[str, pd.DataFrame]) -> tuple[float, float]:
    """The lowest and highest value of all grids."""
    values = np.concatenate([grid.to_numpy().ravel() for grid in grids.values()])
    return float(np.nanmin(values)), float(np.nanmax(values))


def _figure(
    bands: pd.DataFrame,
    measures: dict[str, str],
    smoothing_steps: int,
    linear: tuple[str, ...] = (),
) -> Figure:
    figure = new_figure(height=1.1 + 1.9 * len(measures))
    grid = figure.subplots(
        len(measures), 2, sharey="row", squeeze=False, width_ratios=[1, 9], sharex="col"
    )
    for (start, course), (measure, name) in zip(grid, measures.items(), strict=True):
        rows = select(bands, measure)
        start.set_ylabel(name)
        if rows.empty:
            say_empty(course, NO_STEP_SIZE)
            start.set_xticks([])
            continue
        if measure not in linear:
            log_scale(start)
        draw_bands(course, rows, smoothing_steps)
        mark_drops(course, drops(rows))
        course.margins(x=0.01)
        _start(start, rows)
    grid[0][0].set_title("step 0")
    grid[0][1].set_title("all steps")
    grid[-1][1].set_xlabel("training step")
    legend(figure, rows, drops(rows), unit="step sizes")
    return figure


def _start(axes: Axes, rows: pd.DataFrame) -> None:
    """The raw ranges at step 0, side by side: one bar per architecture and seed."""
    first = rows[rows["step"] == 0]
    names = archs_of(rows)
    for place, name in enumerate(names):
        part = first[first["arch"] == name].sort_values("seed")
        offsets = place + (np.arange(len(part)) - (len(part) - 1) / 2) * 0.5 / max(1, len(part))
        centres = (part["minimum"] + part["maximum"]) / 2
        half = (part["maximum"] - part["minimum"]) / 2
        axes.errorbar(offsets, centres, yerr=half, fmt="none", color=color(name), lw=1.4, capsize=2)
    axes.set_xlim(-0.7, len(names) - 0.3)
    axes.set_xticks([])
    axes.grid(axis="x", visible=False)


def _edges(centres: np.ndarray) -> np.ndarray:
    """Cell borders around the steps that were probed."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middle = (centres[1:] + centres[:-1]) / 2
    first, last = 2 * centres[0] - middle[0], 2 * centres[-1] - middle[-1]
    return np.concatenate([[first], middle, [last]])
