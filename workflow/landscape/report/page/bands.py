"""The bands of both studies, side by side: at each step, the lowest to the highest value."""

import pandas as pd

from landscape.config.study import Study
from landscape.figures.bands import NO_LOSS, NO_PAIR
from landscape.figures.envelope import archs_of, by_seed, drop_text, drops, middle, select
from landscape.figures.probe import NO_STEP_SIZE
from landscape.report.captions import rates_sentence, smoothing, steps_sentence
from landscape.report.page.plots import Choice, Panel, Plot, band, curves, empty, logarithmic, marks

RATES, STEPS = "over learning rates", "over step sizes along the gradient"
CHOICES = {  # measure of the bands, measure of the probe, axis
    "loss": ("loss", "loss", "mini-batch loss (nats)"),
    "gradient distance": ("gradient_distance", "gradient_distance", "gradient distance"),
    "gradient distance, output layer": (
        "output_gradient_distance",
        None,
        "gradient distance, output layer",
    ),
    "effective β": ("beta", "beta", "effective β"),
}


def bands(table: pd.DataFrame | None, probe: pd.DataFrame | None, study: Study) -> Plot:
    """`table` is bands/bands.parquet and `probe` probe/bands.parquet; one may be left out."""
    steps = study.figures.smoothing_steps
    choices = []
    for name, (over_rates, over_steps, axis) in CHOICES.items():
        panels = []
        if table is not None:
            nothing = NO_LOSS if over_rates == "loss" else NO_PAIR
            panels.append(_panel(table, over_rates, RATES, axis, steps, nothing))
        if probe is not None and over_steps:
            panels.append(_panel(probe, over_steps, STEPS, axis, steps, NO_STEP_SIZE, "step sizes"))
        if panels:
            choices.append(Choice(name, panels))
    return Plot(
        "bands",
        "Bands of loss, gradient and β",
        f"By training step, log scale. {_over(study)}Medians over seeds, "
        f"{smoothing(steps, steps)}.",
        ("overview", "loss_landscape", "gradient_predictiveness", "beta_smoothness", "probe_loss"),
        choices,
    )


def _over(study: Study) -> str:
    """The values over which the bands extend."""
    said = ""
    if study.bands:
        said += f"Over learning rates: {_small(rates_sentence(study.bands))} "
    if study.probe:
        said += f"Along the gradient: {_small(steps_sentence(study.probe))}, on one mini-batch. "
    return said


def _small(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _panel(
    table: pd.DataFrame,
    measure: str,
    title: str,
    axis: str,
    smoothing_steps: int,
    nothing: str,
    unit: str = "runs",
) -> Panel:
    """One measure's bands, or the sentence `nothing` if no run has a value."""
    rows = select(table, measure, null_at_start=unit == "runs" and measure != "loss")
    if rows.empty:
        return empty(title, nothing)
    traces = []
    for name in archs_of(rows):
        part = rows[rows["arch"] == name]
        low, high = by_seed(part, "minimum"), by_seed(part, "maximum")
        edges = (middle(edge, smoothing_steps) for edge in (low, high))
        traces += band(name, low.index, *edges)
    lost = drops(rows)
    layout = curves(title, logarithmic(axis, [*rows["minimum"], *rows["maximum"]]))
    layout["shapes"] = marks([(drop.architecture, drop.step) for drop in lost])
    return Panel(layout, traces, notes=[drop_text(drop, rows, unit) for drop in lost])
