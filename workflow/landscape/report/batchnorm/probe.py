"""The study along the gradient."""

import pandas as pd

from landscape.notation.names import label, step_size
from landscape.notation.numbers import number
from landscape.notation.units import times_rate
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

LEFT_BEHIND = 1.0  # change of the gradient over its length: a gradient that vanished has changed so


def probe_section(
    table: dict[str, Row], runs: pd.DataFrame, learning_rate: float, smallest: float
) -> Section:
    """The study along the gradient; `smallest` is the band's smallest relative step size."""
    said = [seeds_sentence(table)]
    for measure, subject, words in (
        ("loss_range_mean", "the range of the loss along the gradient, mean over steps,", SIZE),
        ("gradient_distance_mean", "the largest gradient distance, mean over steps,", SIZE),
        ("cosine_distance_mean", "the turn of the gradient, 1 − cosine, mean over steps,", SIZE),
        ("beta_maximum_mean", "the largest β over the step sizes, mean over steps,", LEVEL),
    ):
        if row := table.get(measure):
            said.append(compared(row, subject, *words))
    said += scaled_beta(table, "scaled_beta_maximum_mean", "beta_maximum_mean")
    said += at_start(table)
    for measure, subject, words in (
        ("loss_range_late", "in the last tenth of the steps the range of the loss", SIZE),
        ("gradient_distance_late", "there the largest gradient distance", SIZE),
        ("beta_maximum_late", "there the largest β", LEVEL),
    ):
        if row := table.get(measure):
            said.append(compared(row, subject, *words))
    said += at_unequal_loss(table, "final_loss")
    said += by_step_size(table, learning_rate, smallest)
    for measure, subject in (
        ("final_loss", "the mini-batch loss in the last tenth of the steps"),
        ("test_accuracy", "the test accuracy after training with plain SGD"),
    ):
        if row := table.get(measure):
            said.append(compared(row, subject, *LEVEL))
    said += diverged(runs, "The means of a diverged run cover the steps before it diverged.")
    return Section("Along the gradient", said)


def at_start(table: dict[str, Row]) -> list[str]:
    """Which architecture is worse before any training: BatchNorm usually is, and it is said."""
    subjects = {
        "loss_range_first": "loss range",
        "gradient_distance_first": "gradient distance",
        "beta_maximum_first": "largest β",
    }
    ratios = {
        words: (table[measure], table[measure].ratio)
        for measure, words in subjects.items()
        if measure in table and table[measure].ratio is not None
    }
    if not ratios:
        return []
    first, second = list(next(iter(ratios.values()))[0].values)[:2]
    worse = [f"{w} ({number(r)} times)" for w, (_, r) in ratios.items() if r is not None and r > 1]
    better = [
        f"{w} ({number(r)} times)" for w, (_, r) in ratios.items() if r is not None and r <= 1
    ]
    said = []
    if worse:
        said.append(
            f"At step 0, before any training, {label(second)} is worse than {label(first)} in: "
            f"{', '.join(worse)}."
        )
    if better:
        said.append(f"At step 0 {label(second)} is not worse in: {', '.join(better)}.")
    return said


def by_step_size(table: dict[str, Row], learning_rate: float, smallest: float) -> list[str]:
    """β per step size: where it is lower, where higher, and how much of the gradient it changes."""
    found = {size: row for m, row in table.items() if (size := step_size(m)) is not None}
    sized = sorted(found.items())
    said = []
    compared_rows = [(size, row) for size, row in sized if row.ratio is not None]
    if compared_rows:
        first, second = list(compared_rows[0][1].values)[:2]
        parts = {
            word: [
                f"{times_rate(size)} ({number(row.ratio)})"
                for size, row in compared_rows
                if row.ratio is not None and (row.ratio < 1) == (word == "lower")
            ]
            for word in ("lower", "higher")
        }
        listed = "; ".join(
            f"{word} at η = {', '.join(sizes)}" for word, sizes in parts.items() if sizes
        )
        said.append(
            f"By step size, the mean β of {label(second)} over that of {label(first)} is {listed}."
        )
    if at_smallest := found.get(smallest):
        for name, value in at_smallest.values.items():
            if value is not None:
                share = value * smallest * learning_rate
                said.append(
                    f"At the smallest step of the bands, η = {times_rate(smallest)}, the mean β of "
                    f"{label(name)} is {number(value)} = {number(share)}/η: within that step the "
                    f"gradient changes by {number(share)} times its own length"
                    + (
                        ", so β tells that the gradient is left behind and not how curved the loss "
                        "is where it was taken; only the smaller steps show that."
                        if share >= LEFT_BEHIND
                        else "."
                    )
                )
    return said
