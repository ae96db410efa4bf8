"""The study along the gradient."""

import pandas as pd

from landscape.discussion.comparison import (
    LEVEL,
    SIZE,
    Section,
    at_unequal_loss,
    compared,
    scaled_beta,
    seeds_sentence,
)
from landscape.discussion.endings import diverged
from landscape.figures.colors import label
from landscape.headline import Row, number, step_size, times_rate

NEARLY_SATURATED = 0.8  # of 1/η, the value of β where the gradient has vanished after the step


def probe_section(
    table: dict[str, Row], runs: pd.DataFrame, learning_rate: float, smallest: float
) -> Section:
    """The study along the gradient; `smallest` is the band's smallest relative step size."""
    said = [seeds_sentence(table)]
    for measure, subject, words in (
        ("loss_range_mean", "the range of the loss along the gradient, mean over steps,", SIZE),
        ("gradient_distance_mean", "the largest gradient distance, mean over steps,", SIZE),
        ("gradient_cosine_mean", "the mean cosine between the gradients", LEVEL),
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
        ("final_loss", "the final mini-batch loss"),
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
    """β per step size: where it is lower, where higher, and where it only says 1/η."""
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
        limit = 1 / (smallest * learning_rate)
        for name, value in at_smallest.values.items():
            if value is None:
                continue
            start = (
                f"At the smallest step of the bands, η = {times_rate(smallest)}, the mean β of "
                f"{label(name)} is {number(value)}"
            )
            vanished = (
                f"1/η = {number(limit)}, its value where the gradient has vanished after the step"
            )
            if value > limit / NEARLY_SATURATED:
                said.append(f"{start}, above {vanished}: past such a step the gradient has turned.")
            elif value >= NEARLY_SATURATED * limit:
                said.append(
                    f"{start}, close to {vanished}: from there on β says how long the step is and "
                    "not how curved the loss is, and only the smaller steps show curvature."
                )
            else:
                said.append(f"{start}, below {vanished}: here β is not saturated.")
    return said
