"""Accuracy by training operations, for each network."""

import pandas as pd
from matplotlib.figure import Figure

from landscape.config.network_study import JUDGED_BY
from landscape.figures.colors import color, drawn_as, marker
from landscape.figures.envelope import empty_figure, refuse_non_finite, require_columns
from landscape.figures.style import PlainLog, new_figure, styled
from landscape.figures.training import LINES
from landscape.notation.names import final_name
from landscape.tables.published import PFLOP


@styled
def accuracy_by_flops(epochs: pd.DataFrame) -> Figure:
    """Validation accuracy of the final networks by the training operations so far."""
    require_columns(epochs, {"name", "family", "seed", "epoch", "train_flops"}, "epochs")
    rows = epochs[epochs["name"].str.startswith("final/")]
    if rows.empty:
        return empty_figure("No value: every run of a final network diverged in its first epoch.")
    refuse_non_finite(rows, [JUDGED_BY, "train_flops"], "epochs")
    figure = new_figure(height=3.4)
    axes = figure.subplots()
    axes.set_xscale("log")
    seen: dict[str, int] = {}
    for name, part in rows.groupby("name", sort=False):
        family = str(part["family"].iloc[0])
        level = str(name).removeprefix("final/")
        look = drawn_as(level, family)
        style = LINES[seen.get(look, 0) % len(LINES)]
        seen[look] = seen.get(look, 0) + 1
        if part["seed"].nunique() > 1:
            for _, one in part.groupby("seed"):
                x, y = one["train_flops"] / PFLOP, 100 * one[JUDGED_BY]
                axes.plot(x, y, color=color(look), lw=0.5, alpha=0.4, ls=style)
        middle = part.groupby("epoch")[["train_flops", JUDGED_BY]].mean()
        (line,) = axes.plot(
            middle["train_flops"] / PFLOP,
            100 * middle[JUDGED_BY],
            color=color(look),
            ls=style,
            marker=marker(look),
            markevery=[-1],
            label=final_name(level, family),
        )
        line.set_gid(f"mean:{name}")
    axes.xaxis.set_major_formatter(PlainLog())
    axes.set_xlabel("operations of the training so far (PFLOP, log scale)")
    axes.set_ylabel("validation accuracy (%)")
    figure.legend(loc="outside upper center", ncols=3)
    return figure
