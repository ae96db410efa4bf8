"""The mechanism study's networks: loss and curvature along training."""

from typing import Any

import pandas as pd

from landscape.figures.envelope import by_seed, middle
from landscape.figures.mechanism import LIMIT
from landscape.notation.names import ordered
from landscape.report.page.plots import (
    Choice,
    Panel,
    Plot,
    Trace,
    curve,
    curves,
    empty,
    logarithmic,
)

CURVATURES = {  # quantity: choice, axis
    "lambda_1": ("λ₁ relative to 2/lr", "λ₁ · lr / 2"),
    "batch_sharpness": ("κ relative to 2/lr", "κ · lr / 2"),
}
NO_VALUE = "No value: every run diverged."


def path(losses: pd.DataFrame, looked: pd.DataFrame) -> Plot:
    """Loss by step at each learning rate, and curvature at the largest, which most networks have.

    `losses`: mechanism/losses.parquet; `looked`: mechanism/mechanism.parquet.
    """
    rates = sorted(losses["learning_rate"].unique(), reverse=True)
    choices = [
        Choice(f"loss, learning rate {rate:g}", [_loss(losses[losses["learning_rate"] == rate])])
        for rate in rates
    ]
    whole = looked[(looked["layer"].fillna("") == "") & (looked["learning_rate"] == rates[0])]
    choices += [
        Choice(name, [_curvature(whole[whole["quantity"] == quantity], rates[0], axis)])
        for quantity, (name, axis) in CURVATURES.items()
    ]
    return Plot(
        "path",
        "Each network during training",
        "Median over the seeds that have not diverged. Loss: mini-batches, mean over a hundredth "
        "of the steps. λ₁: the largest eigenvalue of the Hessian; κ: the curvature along the "
        "gradient; both relative to 2/lr, beyond which a step of gradient descent overshoots. "
        "Click a name to hide it; double-click it to show only this network.",
        ("mechanism_controls", "mechanism_sharpness", "mechanism_spectrum", "mechanism_range"),
        choices,
    )


def _loss(rows: pd.DataFrame) -> Panel:
    rows = rows.assign(loss=rows["loss"].where(rows["loss"] < LIMIT))
    traces = _curves(rows, "loss")
    return _panel(traces, "mini-batch loss (nats)")


def _curvature(rows: pd.DataFrame, rate: float, axis: str) -> Panel:
    traces = _curves(rows.assign(share=rows["value"] * rate / 2), "share")
    for trace in traces:
        trace["mode"] = "lines+markers"
        trace["x"] = [f"{step:,}" for step in trace["x"]]
    panel = _panel(traces, axis)
    if traces:
        panel.layout["xaxis"] |= {"type": "category"}  # steps grow geometrically, from 0
    return panel


def _curves(rows: pd.DataFrame, column: str) -> list[Trace]:
    """A curve per network that has a value."""
    traces = []
    for name in ordered(set(rows["arch"])):
        values = by_seed(rows[rows["arch"] == name], column).dropna(how="all")
        if len(values):
            traces.append(curve(name, values.index, middle(values, 1)))
    return traces


def _panel(traces: list[Trace], axis: str) -> Panel:
    if not traces:
        return empty("", NO_VALUE)
    known: list[Any] = [y for trace in traces for y in trace["y"] if y is not None]
    return Panel(curves("", logarithmic(axis, known)), traces)
