"""Accuracy by its cost, in parameters, operations and seconds: our networks and published ones."""

from collections.abc import Hashable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from landscape.errors import UserError
from landscape.figures.colors import PUBLISHED as GREY
from landscape.figures.colors import color, drawn_as, marker
from landscape.figures.envelope import empty_figure, refuse_non_finite, require_columns
from landscape.figures.labels import place_labels
from landscape.figures.style import PlainLog, log_scale, new_figure, styled
from landscape.notation.names import final_name
from landscape.tables.published import PFLOP, PUBLISHED

PLAIN, AUGMENTED = "test_accuracy", "test_accuracy_augmented"
COLUMNS = {"run", "kind", "level", "family", "parameters", "train_flops", PLAIN, AUGMENTED}
NO_ACCURACY = "No value: every run of a final network diverged."
SMALLEST = 0.01  # % error at which an interval that reaches below zero is cut
ALONG = 25  # points on a piece of the frontier
HARDWARE_NAME = 45  # characters at most, in an axis label


@styled
def frontier_parameters(summary: pd.DataFrame, published: bool = True) -> Figure:
    """Test error by number of parameters, both logarithmic; lower left is better."""
    anchors = PUBLISHED if published else ()
    rows = tested(summary)
    if rows.empty:
        return empty_figure(NO_ACCURACY)
    figure = new_figure(height=4.1)
    axes = figure.subplots()
    theirs = {entry.name: (entry.parameters, 100 - entry.accuracy) for entry in anchors}
    ours = _panel(axes, rows, "parameters", 1.0, theirs)
    axes.set_xlabel("parameters (log scale; M: millions)")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1e6:g} M"))
    axes.set_ylabel("test error (%, log scale)")
    _legend(figure, rows, published)
    place_labels(axes, _names(theirs), ours, GREY)
    return figure


@styled
def frontier_cost(summary: pd.DataFrame, runs: pd.DataFrame, published: bool = True) -> Figure:
    """Test error by operations (left) and seconds (right) of the whole training."""
    anchors = PUBLISHED if published else ()
    rows = tested(summary)
    if rows.empty:
        return empty_figure(NO_ACCURACY)
    figure = new_figure(height=3.5)
    left, right = figure.subplots(1, 2, sharey=True)
    counted = {
        entry.name: (entry.flops / PFLOP, 100 - entry.accuracy)
        for entry in anchors
        if entry.flops is not None
    }
    timed = {
        entry.name: (entry.seconds, 100 - entry.accuracy)
        for entry in anchors
        if entry.seconds is not None
    }
    known = rows[rows["train_flops"].notna()]
    ours = [
        _panel(left, known, "train_flops", 1 / PFLOP, counted),
        _panel(right, rows, "train_seconds", 1.0, timed),
    ]
    left.set_xlabel("operations of the training (PFLOP)")
    devices = runs.loc[runs["name"].isin(rows["run"]), "device"].unique()
    ours_on = ", ".join(sorted(str(name)[:HARDWARE_NAME] for name in devices))
    theirs_on = ", ".join(sorted({entry.hardware for entry in anchors if entry.hardware}))
    hardware = f"ours: {ours_on}\npublished: {theirs_on}" if theirs_on else ours_on
    right.set_xlabel(f"training time (s)\n{hardware}")
    left.set_ylabel("test error (%, log scale)")
    for axes in (left, right):
        axes.xaxis.set_major_formatter(PlainLog())
        axes.xaxis.set_minor_formatter(NullFormatter())
    _legend(figure, rows, published)
    for axes, theirs, points in ((left, counted, ours[0]), (right, timed, ours[1])):
        place_labels(axes, _names(theirs), points, GREY)
    return figure


def tested(summary: pd.DataFrame) -> pd.DataFrame:
    """The settings with a test accuracy; empty if every run diverged."""
    require_columns(summary, COLUMNS, "summary")
    rows = summary[summary["kind"].isin(["final", "plain"])]
    if rows.empty:
        raise UserError("there is no final network")
    rows = rows[rows[PLAIN].notna()]
    refuse_non_finite(rows, [PLAIN, "parameters", "train_seconds"], "summary")
    return rows


def _panel(
    axes: Axes, rows: pd.DataFrame, cost: str, unit: float, theirs: dict[str, tuple[float, float]]
) -> list[tuple[float, float]]:
    """Draw ours over theirs; returns the points that labels must not cover."""
    axes.set_xscale("log")
    log_scale(axes)
    for name, (x, y) in theirs.items():
        (point,) = axes.plot(x, y, "o", ms=4.5, mfc="white", mec=GREY, mew=0.9, zorder=2)
        point.set_gid(f"published:{name}")
    points = []
    for row in rows.to_dict("records"):
        x = row[cost] * unit
        errors = [error_percent(row, measure) for measure in (AUGMENTED, PLAIN)]
        both = [error[0] for error in errors if error is not None]
        axes.plot([x] * len(both), both, color=color(drawn_like(row)), lw=0.8, zorder=3)
        for measure, error in zip((AUGMENTED, PLAIN), errors, strict=True):
            if error is not None:
                _point(axes, row, x, error, filled=measure == PLAIN)
                points.append((x, error[0]))
    whole = [(row[cost] * unit, 100 * (1 - row[PLAIN])) for row in rows.to_dict("records")]
    axes.margins(x=0.16, y=0.08)
    return points + _frontier(axes, whole)


def error_percent(row: dict[Hashable, Any], measure: str) -> tuple[float, float, float] | None:
    """Test error in percent, and how far its interval reaches down and up."""
    if pd.isna(row[measure]):
        return None
    value = 100 * (1 - row[measure])
    if pd.isna(row[f"{measure}_low"]):
        return value, 0.0, 0.0
    lowest = max(SMALLEST, 100 * (1 - row[f"{measure}_high"]))
    return value, value - lowest, 100 * (1 - row[f"{measure}_low"]) - value


def _point(
    axes: Axes, row: dict[Hashable, Any], x: float, error: tuple[float, float, float], filled: bool
) -> None:
    value, down, up = error
    look = drawn_like(row)
    tint = color(look)
    drawn = axes.errorbar(
        [x],
        [value],
        yerr=[[down], [up]] if down or up else None,
        fmt=marker(look),
        ms=8 if marker(look) == "*" else 6,
        color=tint,
        mfc=tint if filled else "white",
        mew=1,
        lw=1,
        capsize=2.5,
        zorder=5,
    )
    drawn[0].set_gid(f"{'ours' if filled else 'augmented'}:{row['level']}")


def drawn_like(row: dict[Hashable, Any]) -> str:
    return drawn_as(str(row["level"]), str(row["family"]))


def _names(theirs: dict[str, tuple[float, float]]) -> list[tuple[tuple[float, float], str]]:
    """One label per point; networks at the same point share it."""
    shared: dict[tuple[float, float], list[str]] = {}
    for name, place in theirs.items():
        shared.setdefault(place, []).append(name)
    return [(place, ", ".join(names)) for place, names in shared.items()]


def frontier_corners(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The corners of a step line through the points (cost, error) that no other beats in both."""
    best: list[tuple[float, float]] = []
    for x, y in sorted(points):
        if not best or y < best[-1][1]:
            best.append((x, y))
    corners = [best[0]] if best else []
    for (_, before), (x, y) in pairwise(best):
        corners += [(x, before), (x, y)]
    return corners


def _frontier(axes: Axes, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A step line through those of our networks that no other beats in both cost and error.

    Returns points along it, which labels must not cover.
    """
    corners = frontier_corners(points)
    axes.plot(*zip(*corners, strict=True), color="black", lw=0.7, ls="--", zorder=1)
    return [
        tuple(np.exp(np.log(start) + share * (np.log(end) - np.log(start))))
        for start, end in pairwise(corners)
        for share in np.linspace(0, 1, ALONG)
    ]


def _legend(figure: Figure, rows: pd.DataFrame, published: bool) -> None:
    def point(text: str, shape: str, tint: str, face: str, size: float = 6) -> Line2D:
        return Line2D([], [], marker=shape, color=tint, mfc=face, ms=size, lw=0, label=text)

    handles = [
        point(
            final_name(row["level"], row["family"]),
            marker(drawn_like(row)),
            color(drawn_like(row)),
            color(drawn_like(row)),
        )
        for row in rows.to_dict("records")
    ]
    if rows[AUGMENTED].notna().any():
        handles.append(point("open: six views of a test image", "D", "black", "white"))
    if published:
        handles.append(point("published, official pixels", "o", GREY, "white", 4.5))
    figure.legend(handles=handles, loc="outside upper center", ncols=4)
