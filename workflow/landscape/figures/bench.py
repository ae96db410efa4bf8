"""Training speed on this machine compared with a plain loop, and how costs grow."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from landscape.errors import UserError
from landscape.figures.colors import color, marker
from landscape.figures.style import new_figure, styled
from landscape.notation.names import label

NEUTRAL = "#444444"  # for a row without an architecture
GROWTH = {"width": "width factor", "batch_size": "batch size"}
ROW = 0.22  # height of a contender in inches


@styled
def bench(found: dict[str, Any]) -> Figure:
    """`found` is bench.json. Top: steps per second of each contender; bottom: growth."""
    race = pd.json_normalize(found.get("speed") or [])
    if race.empty:
        raise UserError("speed: has no measurement")
    figure = new_figure(height=2.6 + ROW * len(race))
    rows: Any = figure.subfigures(2, 1, height_ratios=[ROW * len(race) + 0.6, 2.0])
    _race(rows[0].subplots(), race)
    panels = rows[1].subplots(1, 3)
    growth = pd.DataFrame(found["growth"])
    for axes, (what, name) in zip(panels[:2], GROWTH.items(), strict=True):
        part = growth[growth["grows"] == what]
        _line(axes, part["size"], part["seconds_per_step"], name, "seconds per step")
    plans = pd.DataFrame(found["dry_runs"], columns=["runs", "seconds"])
    if plans.empty:  # missing if Snakemake is not installed
        panels[2].set_visible(False)
    else:
        _line(panels[2], plans["runs"], plans["seconds"], "runs of the study", "dry run (s)")
    return figure


def _race(axes: Axes, race: pd.DataFrame) -> None:
    names = []
    for position, row in enumerate(race.to_dict("records")):
        low, middle, high = (row[f"steps_per_second.{key}"] for key in ("low", "median", "high"))
        if not np.isfinite([low, middle, high]).all():
            raise UserError(f"speed: {row['kind']} of {row['architecture']} is not finite")
        shown = color(row["architecture"])
        axes.plot([low, high], [position, position], color=shown, linewidth=2.2, alpha=0.5)
        axes.plot(middle, position, marker(row["architecture"]), color=shown, markersize=5)
        axes.annotate(
            f"{row['times_plain.median']:.2f}×",
            (high, position),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
        )
        names.append(f"{label(row['architecture'])}, {row['kind']}, {row['precision']}")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.margins(x=0.12)
    axes.set_xlabel("training steps per second; next to the bar: ratio to the plain loop")


def _line(axes: Axes, x: "pd.Series[float]", y: "pd.Series[float]", name: str, unit: str) -> None:
    axes.loglog(x, y, "o-", color=NEUTRAL, markersize=4)
    axes.set_xlabel(name)
    axes.set_ylabel(unit)
    axes.xaxis.set_major_locator(FixedLocator(list(x)))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(NullLocator())
