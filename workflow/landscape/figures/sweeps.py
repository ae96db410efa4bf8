"""Effect of one factor, or of one part of a network: validation accuracy and its differences."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from landscape.config.entries import is_base, setting_of
from landscape.config.network_study import JUDGED_BY
from landscape.errors import UserError
from landscape.figures.colors import color, drawn_as, marker
from landscape.figures.envelope import empty_figure, require_columns
from landscape.figures.style import new_figure, styled
from landscape.notation.names import final_name
from landscape.notation.settings import level_name

Row = dict[Hashable, Any]

COLUMNS = {"run", "kind", "group", "level", "family", "seeds", "diverged", JUDGED_BY, "difference"}
RATE = "learning_rate"
ROW = 0.3  # height of an ablation in inches
SWEEP_ROW = 0.21  # height of a level in inches
HEADROOM = 0.85  # height of a sweep without its levels, in inches
HALF_WIDTH = 3.15  # inches: two sweeps side by side, in the report's text width
SEEDS_BELOW = 0.24  # rows by which the seeds are drawn below the mean
NO_LEVEL = "No value: every run of\nthis sweep diverged."
NO_PAIR = "No value: for every ablation, all its runs or all of its whole network diverged."
POINTS = "difference (percentage points)"


@styled
def sweep(summary: pd.DataFrame, runs: pd.DataFrame, factor: str) -> Figure:
    """Levels of one factor: validation accuracy, and the paired difference from the base."""
    require_columns(summary, COLUMNS, "summary")
    rows = summary[(summary["kind"] == "sweep") & (summary["group"] == factor)]
    if rows.empty:
        raise UserError(f"no levels of the factor {factor!r}")
    if not rows[JUDGED_BY].notna().any():
        return empty_figure(NO_LEVEL, HALF_WIDTH)
    figure = new_figure(height=HEADROOM + SWEEP_ROW * len(rows), width=HALF_WIDTH)
    means, differences = figure.subplots(1, 2, sharey=True, width_ratios=[1.25, 1])
    for place, row in enumerate(rows.to_dict("records")):
        _mean(means, place, row, runs)
        _difference(differences, place, row)
    for axes in (means, differences):
        _levels(axes, [_level(row) for row in rows.to_dict("records")])
        axes.xaxis.set_major_locator(MaxNLocator(3))
    base = rows[rows["run"].map(is_base)][JUDGED_BY]
    if len(base):
        means.axvline(100 * base.iloc[0], color="black", lw=0.7, ls=":", zorder=1)
    differences.axvline(0, color="black", lw=0.7, ls=":", zorder=1)
    tried = [_tried(row, runs) for row in rows.to_dict("records")]
    if any(len(values) for values in tried):
        require_columns(summary, {RATE}, "summary")
        _ticks(means, rows, tried)
        _rates(differences, rows)
    means.set_xlabel("validation (%)")
    differences.set_xlabel("Δ (points)")
    return figure


@styled
def ablations(summary: pd.DataFrame, runs: pd.DataFrame) -> Figure:
    """What each final network loses without one of its parts, paired by seed."""
    require_columns(summary, COLUMNS, "summary")
    rows = summary[summary["kind"] == "ablation"]
    if rows.empty:
        raise UserError("there are no ablations")
    if not rows["difference"].notna().any():
        return empty_figure(NO_PAIR)
    groups = list(dict.fromkeys(rows["group"]))
    sizes = [(rows["group"] == group).sum() for group in groups]
    figure = new_figure(height=1.1 + ROW * sum(sizes) + 0.35 * len(groups))
    panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False, height_ratios=sizes)[:, 0]
    for axes, group in zip(panels, groups, strict=True):
        part = rows[rows["group"] == group].to_dict("records")
        whole = summary[(summary["kind"] == "final") & (summary["level"] == group)]
        for place, row in enumerate(part):
            _difference(axes, place, row)
            steps = 100 * _paired(runs, row["run"], str(whole["run"].iloc[0])).to_numpy()
            _seeds(axes, place, row, steps)
        _levels(axes, [_level(row) for row in part])
        axes.axvline(0, color="black", lw=0.7, ls=":", zorder=1)
        axes.set_title(final_name(group, str(part[0]["family"])), loc="left")
    panels[-1].set_xlabel(f"{POINTS} in validation accuracy,\nfrom the whole network, seed by seed")
    figure.legend(handles=_handles(rows), loc="outside upper right", ncols=2)
    return figure


def _look(row: Row) -> str:
    """The network whose colour and marker to use; an ablation has those of its whole network."""
    family = str(row["family"])
    return drawn_as(str(row["group"]), family) if row["kind"] == "ablation" else family


def _level(row: Row) -> str:
    """A level's name, whether it is the base, and how many of its runs diverged."""
    base = " (base)" if is_base(row["run"]) else ""
    lost = f"\n{row['diverged']} of {row['seeds']} diverged" if row["diverged"] else ""
    return f"{level_name(str(row['level']))}{base}{lost}"


def _levels(axes: Axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def _mean(axes: Axes, place: int, row: Row, runs: pd.DataFrame) -> None:
    """The mean over seeds with its interval, each seed below it."""
    _bar(axes, place, row, JUDGED_BY, "mean")
    _seeds(axes, place, row, 100 * runs.loc[runs["name"] == row["run"], JUDGED_BY].to_numpy())


def _difference(axes: Axes, place: int, row: Row) -> None:
    _bar(axes, place, row, "difference", "difference")


def _bar(axes: Axes, place: int, row: Row, measure: str, what: str) -> None:
    """A point with its interval, in percent; without an interval, only the point."""
    look = _look(row)
    value, low, high = (
        100 * float(row[key]) for key in (measure, f"{measure}_low", f"{measure}_high")
    )
    if np.isnan(value):
        return
    reach = None if np.isnan(low + high) else [[value - low], [high - value]]
    drawn = axes.errorbar(
        [value],
        [place],
        xerr=reach,
        fmt=marker(look),
        ms=6 if is_base(row["run"]) else 5,
        mfc="white" if is_base(row["run"]) else color(look),
        color=color(look),
        mew=1.2,
        capsize=3,
        zorder=4,
    )
    drawn[0].set_gid(f"{what}:{row['level']}")


def _seeds(axes: Axes, place: int, row: Row, values: np.ndarray) -> None:
    there = values[~np.isnan(values)]
    at = np.full(len(there), place + SEEDS_BELOW)
    (dots,) = axes.plot(there, at, "o", color=color(_look(row)), ms=2.2, alpha=0.6, mew=0)
    dots.set_gid(f"seeds:{row['level']}")


def _tried(row: Row, runs: pd.DataFrame) -> np.ndarray:
    """Validation accuracies, in per cent, at the learning rates that were not chosen."""
    others = (runs["name"].map(setting_of) == setting_of(row["run"])) & (runs["name"] != row["run"])
    values: np.ndarray = 100 * runs.loc[others, JUDGED_BY].to_numpy()
    return values


def _ticks(axes: Axes, rows: pd.DataFrame, tried: list[np.ndarray]) -> None:
    """Ticks for the rates that were not chosen; a bad one must not compress the axis."""
    limits = axes.get_xlim()
    for place, (level, values) in enumerate(zip(rows["level"], tried, strict=True)):
        at = np.full(len(values), place - SEEDS_BELOW)
        (ticks,) = axes.plot(values, at, "|", color="0.5", ms=4, mew=0.8)
        ticks.set_gid(f"tried:{level}")
    axes.set_xlim(limits)


def _rates(axes: Axes, rows: pd.DataFrame) -> None:
    """The learning rate of each level, at the right edge."""
    side = axes.secondary_yaxis("right")
    side.set_yticks(range(len(rows)), [f"{rate:g}" for rate in rows[RATE]])
    side.tick_params(axis="y", length=0)
    side.set_ylabel("learning rate")


def _paired(runs: pd.DataFrame, name: str, reference: str) -> pd.Series:
    one, other = (
        runs[runs["name"] == each].set_index("seed")[JUDGED_BY] for each in (name, reference)
    )
    return (one - other).dropna()


def _handles(rows: pd.DataFrame) -> list[Line2D]:
    """The legend of the marks; without an interval if no setting has two seeds."""
    look = pd.Series([_look(row) for row in rows.to_dict("records")]).mode().iloc[0]
    several = rows["seeds"].max() > 1
    known = rows["difference_low"].notna().any()
    text = "mean, 95 % interval" if known else "mean" if several else "one seed"
    mean = Line2D([], [], color=color(look), marker=marker(look), ms=5, label=text)
    dots = Line2D([], [], color=color(look), marker="o", ms=2.2, lw=0, label="every seed")
    return [mean, dots] if several else [mean]
