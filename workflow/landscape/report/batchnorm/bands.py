"""The study over learning rates, and how well its runs ended."""

import pandas as pd

from landscape.report.batchnorm.comparison import (
    LEVEL,
    SIZE,
    Section,
    at_unequal_loss,
    compared,
    scaled_beta,
    seeds_sentence,
)
from landscape.report.batchnorm.endings import diverged
from landscape.tables.rows import Row


def bands_section(table: dict[str, Row], runs: pd.DataFrame) -> Section:
    """The study over learning rates."""
    said = [seeds_sentence(table)]
    if row := table.get("loss_band_width"):
        said.append(compared(row, "the width of the loss band, mean over steps,", *SIZE))
    if row := table.get("loss_band_width_late"):
        said.append(compared(row, "in the last tenth of the steps the width", *SIZE))
    if row := table.get("gradient_distance_mean"):
        said.append(compared(row, "the mean distance between consecutive gradients", *SIZE))
        said.append(
            "Consecutive gradients come from different mini-batches: this distance mixes "
            "mini-batch noise with curvature, and the probe is the clean measure."
        )
    if row := table.get("output_gradient_distance_mean"):
        said.append(compared(row, "for the output layer alone the mean distance", *SIZE))
    if row := table.get("beta_mean"):
        said.append(compared(row, "the mean effective β", "lower", "higher"))
    if row := table.get("beta_maximum"):
        said.append(compared(row, "the largest β", "lower", "higher"))
    said += scaled_beta(table, "scaled_beta_mean", "beta_mean")
    said += at_unequal_loss(table, "final_train_loss_lowest")
    said += diverged(runs, "A diverged run leaves its band, which is narrower from then on.")
    return Section("Over learning rates", said)


def training_section(table: dict[str, Row]) -> Section:
    """How well the runs ended."""
    said = []
    for measure, subject, words in (
        ("final_train_loss_lowest", "the lowest final training loss of the learning rates", LEVEL),
        ("test_accuracy_best", "the test accuracy at the best learning rate", LEVEL),
        ("test_accuracy_worst", "the test accuracy at the worst learning rate", LEVEL),
    ):
        if row := table.get(measure):
            said.append(compared(row, subject, *words))
    if {"test_accuracy_best", "test_accuracy_worst"} <= set(table):
        said.append(
            "Best and worst learning rate are by test accuracy itself, seed by seed: they describe "
            "the spread, and the best is flattered by being chosen; no model was."
        )
    return Section("Training and test accuracy", said)
