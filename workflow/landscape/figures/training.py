"""Loss and accuracy of the runs, by epoch and by second."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from landscape.figures.colors import color
from landscape.figures.envelope import archs_of, empty_figure, refuse_non_finite
from landscape.figures.style import log_scale, new_figure, styled
from landscape.notation.names import label

LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "d", "8")
# cycles of 4 lines and 13 markers: 52 learning rates have different styles


@styled
def training_curves(epochs: pd.DataFrame, runs: pd.DataFrame) -> Figure:
    """One line per architecture and learning rate, median over seeds; stars are test accuracy.

    Accuracy is on the validation images if there are any, otherwise on the training images.
    """
    refuse_non_finite(epochs, ["train_loss", "train_accuracy", "seconds"], "epochs")
    validated = bool(epochs["validation_accuracy"].notna().all()) and len(epochs) > 0
    kind = "validation" if validated else "training"
    table = epochs.assign(
        accuracy=100 * epochs["validation_accuracy" if validated else "train_accuracy"]
    )
    if epochs.empty:
        return empty_figure("No value: every run diverged in its first epoch.")
    figure = new_figure(height=4.7)
    grid = figure.subplots(2, 2, sharex="col", sharey="row")
    rates = sorted(epochs["learning_rate"].unique())
    for row, (quantity, name) in enumerate(
        {"train_loss": "training loss (nats)", "accuracy": f"{kind} accuracy (%)"}.items()
    ):
        for column, time in enumerate(("epoch", "seconds")):
            _lines(grid[row][column], table, rates, time, quantity)
        grid[row][0].set_ylabel(name)
        if quantity == "train_loss":
            log_scale(grid[row][0])
    for column, time in enumerate(("epoch", "seconds")):
        _test_accuracy(grid[1][column], table, runs, time)
    grid[1][0].set_xlabel("epoch")
    grid[1][1].set_xlabel("training time (s)")
    grid[1][0].xaxis.get_major_locator().set_params(integer=True)
    handles = [Patch(facecolor=color(name), label=label(name)) for name in archs_of(epochs)]
    styles = [
        Line2D([], [], color="black", **_style(place), label=f"lr {rate:g}")  # type: ignore[arg-type]
        for place, rate in enumerate(rates)
    ]
    star = Line2D([], [], color="black", marker="*", ms=7, lw=0, label="test accuracy, end")
    figure.legend(handles=[*handles, *styles, star], loc="outside upper center", ncols=4)
    return figure


def _style(place: int) -> dict[str, object]:
    return {
        "ls": LINES[place % len(LINES)],
        "marker": MARKERS[place % len(MARKERS)],
        "ms": 3,
        "lw": 1,
    }


def _lines(axes: Axes, table: pd.DataFrame, rates: list[float], time: str, quantity: str) -> None:
    for (name, rate), part in table.groupby(["arch", "learning_rate"]):
        style = _style(rates.index(float(str(rate))))
        if part["seed"].nunique() > 1:
            for _, one in part.groupby("seed"):
                axes.plot(one[time], one[quantity], color=color(str(name)), lw=0.6, alpha=0.35)
        middle = part.groupby("epoch")[[quantity, "seconds"]].median().reset_index()
        axes.plot(middle[time], middle[quantity], color=color(str(name)), **style)  # type: ignore[arg-type]


def _test_accuracy(axes: Axes, table: pd.DataFrame, runs: pd.DataFrame, time: str) -> None:
    """A star where a run ended; a run without a test accuracy (diverged) has none."""
    keys = ["arch", "learning_rate", "seed"]
    ends = table.groupby(keys)[time].max().rename("end").reset_index()
    scored = runs[runs["test_accuracy"].notna()]
    if scored.empty:
        return
    merged = scored.merge(ends, on=keys)
    refuse_non_finite(merged, ["test_accuracy"], "runs")
    for name, part in merged.groupby("arch"):
        axes.scatter(
            part["end"],
            100 * part["test_accuracy"],
            marker="*",
            s=45,
            color=color(str(name)),
            edgecolor="white",
            linewidth=0.4,
            zorder=4,
            clip_on=False,
        )
