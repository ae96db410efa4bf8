"""The parts of the gradient's change over a step, by step size."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from landscape.figures.colors import OTHER, color
from landscape.figures.envelope import archs_of, empty_figure, refuse_non_finite, require_columns
from landscape.figures.style import new_figure, styled
from landscape.notation.names import label
from landscape.notation.units import times_rate

QUARTILES = (0.25, 0.5, 0.75)


@styled
def probe_parts(probe: pd.DataFrame) -> Figure:
    """Left: the change of the gradient divided by its norm, the part that the Hessian predicts and
    the rest. Right: the shares of kinks that the step crosses.

    Medians over steps and seeds, with the quartiles shaded; a share of 0 is not on the log axis.
    """
    columns = {"smooth_distance", "rest_distance", "relu_flips", "pool_flips", "gradient_norm"}
    require_columns(probe, columns, "the probe")
    probe = probe[probe["loss"].notna()]  # elsewhere the step size has diverged
    if probe.empty:
        return empty_figure("No value: at every step size the loss is not finite.")
    refuse_non_finite(probe, sorted(columns), "the parts of the change")
    change = probe.assign(
        smooth=probe["smooth_distance"] / probe["gradient_norm"],
        rest=probe["rest_distance"] / probe["gradient_norm"],
    )
    figure = new_figure(height=3.1)
    left, right = figure.subplots(1, 2)
    _draw(left, change, {"smooth": "-", "rest": "--"})
    left.set_ylabel(r"change of the gradient / $\|g\|$")
    _styles(left, {r"$\|\eta Hg\|$": "-", r"rest, $\|\nabla L(\theta-\eta g)-g+\eta Hg\|$": "--"})
    _draw(right, change, {"relu_flips": "-", "pool_flips": "--"})
    right.set_ylabel("flipped share")
    _styles(right, {"signs at ReLUs": "-", "winners of max pooling": "--"})
    names = archs_of(probe)
    lines = [Line2D([], [], color=color(name), lw=2, label=label(name)) for name in names]
    figure.legend(handles=lines, loc="outside upper center", ncols=max(1, min(3, len(names))))
    return figure


def _draw(axes: Axes, table: pd.DataFrame, measures: dict[str, str]) -> None:
    for name in archs_of(table):
        part = table[table["arch"] == name]
        for measure, style in measures.items():
            grouped = part.groupby("relative_step_size")[measure]
            low, middle, high = (
                values.where(values > 0) for values in (grouped.quantile(q) for q in QUARTILES)
            )
            axes.plot(middle.index, middle, style, color=color(name), marker=".", ms=4)
            axes.fill_between(low.index, low, high, color=color(name), alpha=0.15, lw=0)
    sizes = sorted(table["relative_step_size"].unique())
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(sizes, [times_rate(size) for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel(r"step size $\eta$")


def _styles(axes: Axes, styles: dict[str, str]) -> None:
    axes.legend(handles=[Line2D([], [], color=OTHER, ls=s, label=t) for t, s in styles.items()])
