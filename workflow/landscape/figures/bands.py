"""The study over learning rates: the band from the lowest to the highest run at each step."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from landscape.figures.envelope import draw_bands, drops, legend, mark_drops, say_empty, select
from landscape.figures.style import log_scale, new_figure, styled

NO_LOSS = "No value: every run diverged at step 0."
NO_PAIR = "No value: this needs two steps of a run,\nbut every run ends or diverges earlier."


@styled
def VGG_Loss_Landscape(bands: pd.DataFrame, smoothing_steps: int = 1) -> Figure:
    """Training loss of the mini-batch, band over learning rates, by training step."""
    rows = select(bands, "loss")
    figure = new_figure(height=3.4)
    axes = figure.subplots()
    _panel(axes, rows, smoothing_steps, NO_LOSS)
    axes.set_ylabel("mini-batch loss (nats)")
    axes.set_xlabel("training step")
    legend(figure, rows, drops(rows))
    return figure


@styled
def VGG_Grad_Pred(bands: pd.DataFrame, smoothing_steps: int = 1) -> Figure:
    """Gradient predictiveness: distance between the gradients of consecutive steps."""
    panels = {
        "gradient_distance": "whole network",
        "output_gradient_distance": "output layer only",
    }
    figure = new_figure(height=3.2)
    for axes, (measure, title) in zip(figure.subplots(1, 2), panels.items(), strict=True):
        rows = select(bands, measure, null_at_start=True)
        _panel(axes, rows, smoothing_steps, NO_PAIR)
        axes.set_title(title)
        axes.set_xlabel("training step")
        if measure == "gradient_distance":
            axes.set_ylabel(r"distance $\|g_i - g_{i-1}\|_2$")
            legend(figure, rows, drops(rows))
    return figure


@styled
def VGG_Beta_Smooth(bands: pd.DataFrame, smoothing_steps: int = 1) -> Figure:
    """Effective β-smoothness: change of the gradient divided by the distance moved."""
    rows = select(bands, "beta", null_at_start=True)
    figure = new_figure(height=3.4)
    axes = figure.subplots()
    _panel(axes, rows, smoothing_steps, NO_PAIR)
    axes.set_ylabel(r"$\beta_i = \|g_i-g_{i-1}\|\,/\,\|\theta_i-\theta_{i-1}\|$")
    axes.set_xlabel("training step")
    legend(figure, rows, drops(rows))
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, smoothing_steps: int, empty: str) -> None:
    """One measure's bands, or the sentence `empty` if no run has a value."""
    if rows.empty:
        say_empty(axes, empty)
        return
    log_scale(axes)
    draw_bands(axes, rows, smoothing_steps)
    mark_drops(axes, drops(rows))
    axes.margins(x=0.01)
