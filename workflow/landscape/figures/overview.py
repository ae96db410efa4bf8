"""The report's first figure: both bands of the loss, side by side."""

import pandas as pd
from matplotlib.figure import Figure

from landscape.figures.envelope import draw_bands, drops, legend, mark_drops, say_empty, select
from landscape.figures.style import log_scale, new_figure, styled


@styled
def overview(bands: pd.DataFrame, probe: pd.DataFrame, smoothing_steps: int = 1) -> Figure:
    """Left: loss over learning rates; right: loss over step sizes along the gradient."""
    figure = new_figure(height=2.7)
    left, right = figure.subplots(1, 2)
    panels = {"over learning rates": bands, "over step sizes along the gradient": probe}
    for axes, (title, table) in zip((left, right), panels.items(), strict=True):
        rows = select(table, "loss")
        axes.set_title(title)
        if rows.empty:
            say_empty(axes, "No value: no loss is finite.")
            continue
        log_scale(axes)
        draw_bands(axes, rows, smoothing_steps)
        mark_drops(axes, drops(rows))
        axes.margins(x=0.01)
        axes.set_xlabel("training step")
    left.set_ylabel("mini-batch loss (nats)")
    legend(figure, select(bands, "loss"), [])
    return figure
