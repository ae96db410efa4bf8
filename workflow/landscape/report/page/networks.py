"""The final networks: their test error against what they cost."""

from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd

from landscape.figures.colors import PUBLISHED as GREY
from landscape.figures.colors import color, marker
from landscape.figures.frontier import (
    AUGMENTED,
    NO_ACCURACY,
    PLAIN,
    drawn_like,
    error_percent,
    frontier_corners,
    tested,
)
from landscape.notation.names import final_name
from landscape.notation.units import count, duration, petaflops
from landscape.report.page.plots import Choice, Panel, Plot, Trace, empty, logarithmic, numbers
from landscape.tables.published import PFLOP, PUBLISHED, Published

Row = dict[Hashable, Any]
COSTS = {  # column: choice, axis, unit
    "parameters": ("parameters", "parameters (millions)", 1e6),
    "train_flops": ("operations", "operations of the training (PFLOP)", PFLOP),
    "train_seconds": ("time", "training time (s)", 1.0),
}
SYMBOLS = {  # plotly's for matplotlib's
    "*": "star",
    "^": "triangle-up",
    "<": "triangle-left",
    ">": "triangle-right",
    "o": "circle",
    "v": "triangle-down",
    "s": "square",
    "D": "diamond",
    "P": "cross",
    "X": "x",
    "h": "hexagon",
}


def cost(summary: pd.DataFrame, published: bool) -> Plot:
    """One point per network; `published`: whether published results are on comparable images."""
    rows = tested(summary)
    anchors = PUBLISHED if published else ()
    choices = [
        Choice(name, [_panel(rows[rows[column].notna()], column, axis, unit, anchors)])
        for column, (name, axis, unit) in COSTS.items()
    ]
    return Plot(
        "cost",
        "Accuracy against cost",
        "Test error of the final networks by their cost (log scales); lower left is better. The "
        "dashed line joins the networks that no other beats in both. Bars: 95 % t-intervals over "
        "three seeds or more. Open: six views of a test image."
        + (" Grey: published, official pixels; times on the named hardware." if anchors else ""),
        ("frontier_parameters", "frontier_cost", "accuracy_by_flops"),
        choices,
        asked="cost",
    )


def _panel(
    rows: pd.DataFrame, column: str, axis: str, unit: float, anchors: Sequence[Published]
) -> Panel:
    if rows.empty:
        return empty("", NO_ACCURACY)
    networks = rows.to_dict("records")
    plain = [
        (row[column] / unit, error[0]) for row in networks if (error := error_percent(row, PLAIN))
    ]
    traces = [
        *([_published(column, unit, anchors)] if anchors else []),
        _line(frontier_corners(plain)),
        *(
            _point(row, row[column] / unit, measure)
            for row in networks
            for measure in (AUGMENTED, PLAIN)
            if error_percent(row, measure)
        ),
    ]
    layout = {
        "xaxis": logarithmic(axis, (x for trace in traces for x in trace["x"])),
        "yaxis": logarithmic("test error (%)", (y for trace in traces for y in trace["y"])),
        "hovermode": "closest",
    }
    return Panel(layout, traces)


def _point(row: Row, x: float, measure: str) -> Trace:
    error = error_percent(row, measure)
    assert error is not None
    value, down, up = error
    tint, name = color(drawn_like(row)), final_name(row["level"], row["family"])
    views = "" if measure == PLAIN else ", six views"
    return {
        "x": numbers([x]),
        "y": numbers([value]),
        "error_y": {
            "array": numbers([up]),
            "arrayminus": numbers([down]),
            "symmetric": False,
            "thickness": 1,
            "visible": bool(up or down),
        },
        "mode": "markers",
        "name": name,
        "legendgroup": name,
        "showlegend": measure == PLAIN,
        "marker": {
            "symbol": SYMBOLS[marker(drawn_like(row))] + ("" if measure == PLAIN else "-open"),
            "size": 12,
            "color": tint,
        },
        "text": [f"<b>{name}{views}</b><br>{_costs(row)}"],
        "hovertemplate": "%{text}<br>test error %{y:.3~g} %<extra></extra>",
    }


def _costs(row: Row) -> str:
    counted: list[str] = [] if pd.isna(row["train_flops"]) else [petaflops(row["train_flops"])]
    parameters, time = f"{count(row['parameters'])} parameters", duration(row["train_seconds"])
    return ", ".join([parameters, *counted, time])


def _line(corners: list[tuple[float, float]]) -> Trace:
    return {
        "x": numbers([x for x, _ in corners]),
        "y": numbers([y for _, y in corners]),
        "mode": "lines",
        "line": {"color": GREY, "dash": "dash", "width": 1},
        "showlegend": False,
        "hoverinfo": "skip",
    }


def _published(column: str, unit: float, anchors: Sequence[Published]) -> Trace:
    """Published results that state this cost."""
    costs = {"parameters": "parameters", "train_flops": "flops", "train_seconds": "seconds"}
    known = [entry for entry in anchors if getattr(entry, costs[column]) is not None]
    return {
        "x": numbers([getattr(entry, costs[column]) / unit for entry in known]),
        "y": numbers([100 - entry.accuracy for entry in known]),
        "mode": "markers",
        "name": "published",
        "marker": {"symbol": "circle-open", "size": 8, "color": GREY},
        "text": [_origin(entry) for entry in known],
        "hovertemplate": "%{text}<br>test error %{y:.3~g} %<extra></extra>",
    }


def _origin(entry: Published) -> str:
    said = [f"<b>{entry.name}</b>", entry.source]
    return "<br>".join([*said, f"on {entry.hardware}"] if entry.hardware else said)
