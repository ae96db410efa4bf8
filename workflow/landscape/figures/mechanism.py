"""What BatchNorm changes: sharpness, spectra, the trainable range, and the controls."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from landscape.errors import UserError
from landscape.figures.colors import OTHER, color
from landscape.figures.style import log_scale, new_figure, styled
from landscape.notation.names import label, ordered
from landscape.notation.numbers import number
from landscape.tables.literature import LITERATURE

NETWORKS = ("vgg_a", "vgg_a_bn", "vgg_a_init")  # in the figure of sharpness
QUANTITIES = {  # how each is drawn
    "lambda_1": (r"$\lambda_1$ on the curvature batch", "-"),
    "batch_sharpness": (r"mean $\kappa$ of mini-batches", "--"),
}
COMPARED = ("vgg_a", "vgg_a_bn")  # in every panel of the controls
COLUMNS = 5  # of panels
POINTS = 480  # of the grid that a density is drawn on
LIMIT = 10.0  # nats; a run that diverges would leave no room for the others
BROADENING = 0.01  # width of the density's kernels, as a share of the spectrum's


@styled
def mechanism_sharpness(table: pd.DataFrame) -> Figure:
    """λ₁, the curvature along mini-batch gradients and 2/lr, by training step and by loss."""
    rates = sorted(table["learning_rate"].unique(), reverse=True)
    shown = [name for name in NETWORKS if name in set(table["arch"])]
    figure = new_figure(height=4.6)
    panels = figure.subplots(2, len(rates), sharey=True, sharex="row", squeeze=False)
    for over, row in zip(("step", "loss"), panels, strict=True):
        for axes, rate in zip(row, rates, strict=True):
            for name in shown:
                for quantity, (_, style) in QUANTITIES.items():
                    of_rate = table[table["learning_rate"] == rate]
                    _by_seed(axes, of_rate, over, name, quantity, style)
            axes.axhline(2 / rate, color=OTHER, lw=0.8, ls=":")
            log_scale(axes)
        row[0].set_ylabel("curvature")
    for axes, rate in zip(panels[0], rates, strict=True):
        axes.set_title(f"learning rate {rate:g}, dotted: 2/lr = {2 / rate:.3g}")
        axes.set_xscale("symlog", linthresh=10)
        axes.set_xlim(left=-0.5)
        axes.set_xlabel("training step")
    for axes in panels[1]:
        axes.set_xlabel("loss of the curvature batch (nats)")
    panels[1][0].invert_xaxis()
    handles = [Line2D([], [], color=color(name), label=label(name)) for name in shown]
    handles += [
        Line2D([], [], color=OTHER, ls=style, label=text) for text, style in QUANTITIES.values()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return figure


def _by_seed(
    axes: Axes, table: pd.DataFrame, over: str, name: str, quantity: str, style: str
) -> None:
    """A line per seed, in the order of the steps."""
    rows = table[(table["arch"] == name) & (table["quantity"] == quantity) & (table["value"] > 0)]
    for _, one in rows.groupby("seed"):
        one = one.sort_values("step")
        axes.plot(one[over], one["value"], color=color(name), ls=style, marker="o", ms=2.5, lw=1)


@styled
def mechanism_spectrum(nodes: pd.DataFrame) -> Figure:
    """Spectral densities, one column for each network, its steps one above the other."""
    nodes = nodes[nodes["statistics"] == "batch"]
    if nodes.empty:
        raise UserError("no spectra: no network in mechanism.in_depth.networks trained")
    names, steps = ordered(set(nodes["arch"])), sorted(nodes["step"].unique())
    figure = new_figure(height=0.9 + 1.1 * len(steps))
    grid = figure.subplots(len(steps), len(names), sharex="col", sharey=True, squeeze=False)
    for row, step in zip(grid, steps, strict=True):
        for axes, name in zip(row, names, strict=True):
            part = nodes[(nodes["arch"] == name) & (nodes["step"] == step)]
            if len(part):
                centres, values = density(part)
                axes.fill_between(centres, values, 1e-7, color=color(name), alpha=0.4, lw=0)
                axes.plot(centres, values, color=color(name), lw=0.9)
                said = "trace {} ± {}".format(*map(number, trace(part)))
                axes.annotate(said, (0.98, 0.8), xycoords="axes fraction", ha="right", fontsize=7)
            axes.set_yscale("log")
            axes.set_ylim(1e-6, 1e2)
        row[0].set_ylabel(f"step {step:,}")
    for axes, name in zip(grid[0], names, strict=True):
        axes.set_title(label(name))
    for axes in grid[-1]:
        axes.set_xlabel("eigenvalue")
    return figure


def density(part: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean over probes of Σ w N(λ; θ, σ²) on a grid, σ a hundredth of the spectrum's width."""
    node, weight = part["node"].to_numpy(float), part["weight"].to_numpy(float)
    low, high = node.min(), node.max()
    sigma = BROADENING * (high - low) or 1e-12
    grid = np.linspace(low - 3 * sigma, high + 3 * sigma, POINTS)
    kernels = np.exp(-0.5 * ((grid[:, None] - node) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    return grid, kernels @ weight / part["probe"].nunique()


def trace(part: pd.DataFrame) -> tuple[float, float]:
    """Hutchinson's estimate of the trace, the mean over probes, and its standard error."""
    terms = part["node"] * part["weight"] * part["size"]
    probes = terms.groupby(part["probe"]).sum().to_numpy(float)
    return float(probes.mean()), float(probes.std(ddof=1) / np.sqrt(len(probes)))


@styled
def mechanism_range(table: pd.DataFrame, published: bool = True) -> Figure:
    """The learning rates with which each network trains: a bar from the smallest to the largest.

    `published`: the largest ones of the literature, too, as hollow diamonds.
    """
    found = [one for one in LITERATURE if one.quantity == "largest_rate"] if published else []
    names = ordered(set(table["arch"]))
    figure = new_figure(height=0.8 + 0.3 * len(names))
    axes = figure.subplots()
    for place, name in enumerate(reversed(names)):
        part = table[table["arch"] == name]
        good = part[part["trained"]]
        if len(good):
            low, high = good["learning_rate"].min(), good["learning_rate"].max()
            axes.plot([low, high], [place, place], color=color(name), lw=7, alpha=0.35)
            means = good.groupby("learning_rate")["final_loss"].mean()
            best = means.index.to_numpy(dtype=float)[means.argmin()]
            axes.plot(best, place, "*", color=color(name), ms=9)
        for state, marker in (("completed", "o"), ("diverged", "x")):
            rows = part[(part["status"] == state) & ~part["trained"]]
            axes.plot(rows["learning_rate"], [place] * len(rows), marker, color=OTHER, ms=3)
        for rate in (rate for one in found for network, rate in one.marks if network == name):
            axes.plot(rate, place, "D", color=OTHER, mfc="none", ms=8)
    axes.set_yticks(range(len(names)), [label(name) for name in reversed(names)])
    axes.set_xscale("log")
    axes.set_xlabel(
        "learning rate (bar: trains; star: lowest loss; dot: does not train; × diverges)"
    )
    axes.grid(axis="y", visible=False)
    return figure


@styled
def mechanism_controls(losses: pd.DataFrame) -> Figure:
    """Training loss by step: one panel for each other network, with VGG-A and BatchNorm."""
    rate = losses["learning_rate"].max()
    names = [name for name in ordered(set(losses["arch"])) if name not in COMPARED]
    panels = [(rate, name) for name in names]
    panels += [(float(low), "") for low in sorted(losses["learning_rate"].unique()) if low < rate]
    panels = panels or [(rate, "")]
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(height=0.8 + 1.15 * rows)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (at, control) in zip(grid, panels, strict=False):
        for name in (*COMPARED, control):
            part = losses[(losses["arch"] == name) & (losses["learning_rate"] == at)]
            for _, one in part.groupby("seed"):
                inside = one["loss"].where(one["loss"] < LIMIT)
                axes.plot(
                    one["step"], inside, color=color(name), lw=0.9 if name == control else 0.6
                )
        log_scale(axes)
        short = label(control).removeprefix("VGG-A + ").removeprefix("VGG-A, ")
        axes.set_title(short if control else f"learning rate {at:g}", fontsize=7)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[max(0, len(panels) - columns) : len(panels)]:
        axes.tick_params(labelbottom=True)  # where nothing is below
    grid[(rows - 1) * columns].set_xlabel("training step", loc="left")
    figure.supylabel("mini-batch loss (nats)", fontsize=8.5)
    handles = [Line2D([], [], color=color(name), label=label(name)) for name in COMPARED]
    figure.legend(handles=handles, loc="outside upper center", ncols=2)
    return figure
