"""The loss around trained networks, in a plane of two random directions (Li et al. 2018)."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from landscape.errors import UserError
from landscape.figures.colors import HEATMAP, color
from landscape.figures.envelope import empty_figure
from landscape.figures.style import WIDTH, new_figure, styled
from landscape.notation.names import label

NO_RUN = "No value: every run to inspect diverged."
LEVELS = 12  # of the contours, evenly spaced on the log scale


@styled
def loss_surface(surface: pd.DataFrame) -> Figure:
    """The loss of every run in the plane: as a relief, and below it from above.

    All runs share one log colour scale; the relief's height is log10 of the loss.
    """
    grids, archs = surface_grids(surface), surface_archs(surface)
    if not grids:
        return empty_figure(NO_RUN)
    low = min(float(grid.to_numpy().min()) for grid in grids.values())
    high = max(float(grid.to_numpy().max()) for grid in grids.values())
    norm = LogNorm(low, max(high, low * (1 + 1e-6)))
    figure = new_figure(
        width=min(WIDTH, 1.2 + 2.65 * len(grids)), height=4.4 if len(grids) < 3 else 3.6
    )
    for place, (run, grid) in enumerate(grids.items(), start=1):
        relief: Any = figure.add_subplot(2, len(grids), place, projection="3d")
        _relief(relief, grid, norm)
        relief.set_title(surface_title(run, archs), color=color(archs[run]))
        image = _from_above(figure.add_subplot(2, len(grids), len(grids) + place), grid, norm)
    figure.axes[1].set_ylabel("direction 2 (× filter norm)")
    bar = figure.colorbar(image, ax=figure.axes, label="loss (nats)", fraction=0.03, pad=0.03)
    bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    return figure


def surface_grids(surface: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Run → its losses with y as rows and x as columns; empty if every run diverged."""
    return {str(run): _grid(str(run), part) for run, part in surface.groupby("run", sort=False)}


def surface_archs(surface: pd.DataFrame) -> dict[str, str]:
    """Run → its architecture."""
    return {str(run): str(arch) for run, arch in zip(surface["run"], surface["arch"], strict=True)}


def surface_title(run: str, archs: dict[str, str]) -> str:
    """The architecture, with the run if several runs have this architecture."""
    alone = list(archs.values()).count(archs[run]) == 1
    return label(archs[run]) if alone else f"{label(archs[run])}\n{run}"


def _relief(axes: Any, grid: pd.DataFrame, norm: LogNorm) -> None:
    x, y = np.meshgrid(grid.columns, grid.index)
    colours = colormaps[HEATMAP](norm(grid.to_numpy()))
    axes.plot_surface(
        x,
        y,
        np.log10(grid.to_numpy()),
        facecolors=colours,
        rstride=1,
        cstride=1,
        shade=False,
        linewidth=0,
        antialiased=False,
        rasterized=True,
    )
    low, high = float(norm.vmin or 1), float(norm.vmax or 1)
    ticks = loss_ticks(low, high)
    axes.set_zlim(np.log10(low), np.log10(high))
    axes.set_zticks(np.log10(ticks), [f"{tick:g}" for tick in ticks])
    axes.set_xticks([-1, 0, 1])
    axes.set_yticks([-1, 0, 1])
    axes.tick_params(labelsize=8, pad=-2)


def _from_above(axes: Axes, grid: pd.DataFrame, norm: LogNorm) -> QuadMesh:
    x, y = np.meshgrid(grid.columns, grid.index)
    values = grid.to_numpy()
    image = axes.pcolormesh(x, y, values, norm=norm, cmap=HEATMAP, shading="gouraud")
    image.set_rasterized(True)
    levels = np.geomspace(float(norm.vmin or 1), float(norm.vmax or 1), LEVELS)
    axes.contour(x, y, values, levels=levels, colors="white", linewidths=0.5)
    axes.plot(0, 0, "+", color="white", ms=6)
    axes.set_aspect("equal")
    axes.set_xticks([-1, 0, 1])
    axes.set_yticks([-1, 0, 1])
    axes.grid(False)
    axes.set_xlabel("direction 1 (× filter norm)")
    return image


def _grid(run: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Losses with y as rows and x as columns, every point once, positive and finite."""
    if rows.duplicated(["x", "y"]).any():
        raise UserError(f"{run}: the surface must have every point once")
    grid = rows.pivot(index="y", columns="x", values="loss")
    values = grid.to_numpy()
    if not np.isfinite(values).all():
        raise UserError(f"{run}: loss must be finite at every point of the surface")
    if (values <= 0).any():
        raise UserError(f"{run}: loss must be positive to be drawn on a log scale")
    return grid


def loss_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, … between the lowest and highest loss; beyond two decades, powers of ten."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    factors = (1, 2, 5) if high < 100 * low else (1,)
    ticks = [factor * 10.0**power for power in powers for factor in factors]
    return [tick for tick in ticks if low <= tick <= high] or [float(f"{low:.1g}")]
