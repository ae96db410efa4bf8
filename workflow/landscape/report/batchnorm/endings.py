"""Runs that learned nothing, and runs that diverged."""

from collections.abc import Mapping

import pandas as pd

from landscape.notation.names import label
from landscape.report.chance import at_chance
from landscape.report.phrases import capital, counted, listed, several
from landscape.tables.rows import Row

NAMED = 3  # diverged runs that are named one by one


def not_learned(table: Mapping[str, Row], measure: str, images: int, classes: int) -> list[str]:
    """The architectures at chance, among those that have an accuracy."""
    row = table.get(measure)
    return [
        name
        for name, value in (row.values if row else {}).items()
        if value is not None and at_chance(value, images, classes)
    ]


def chance_sentence(runs: pd.DataFrame, images: int, classes: int) -> str:
    """How many runs end at chance; empty if none does."""
    found = []
    for name, part in runs[runs["test_accuracy"].notna()].groupby("arch", sort=False):
        count = sum(at_chance(value, images, classes) for value in part["test_accuracy"])
        if count:
            of = f"{counted(count)} of {counted(len(part))} runs"
            if count == len(part):
                of = "the run" if count == 1 else f"all {counted(count)} runs"
            found.append((f"{of} of {label(str(name))}", count))
    if not found:
        return ""
    verb = "ends" if sum(count for _, count in found) == 1 else "end"
    return f"{listed([text for text, _ in found])} {verb} at chance ({100 / classes:.0f} %)"


def diverged(runs: pd.DataFrame) -> list[str]:
    """The runs that diverged: that a learning rate fails is a result."""
    gone = runs[runs["status"] == "diverged"].to_dict("records")
    if not gone:
        return []
    each = [
        f"{label(str(run['arch']))} at learning rate {run['learning_rate']:g}, seed {run['seed']}, "
        f"at step {run['diverged_at_step']:,.0f} of {run['steps']:,}"
        for run in gone[:NAMED]
    ]
    rest = [several(len(gone) - NAMED, "further run")] if len(gone) > NAMED else []
    return [
        f"{capital(counted(len(gone)))} of {several(len(runs), 'run')} diverged: "
        f"{'; '.join([*each, *rest])}. For these seeds, means are taken over the steps before, for "
        "both networks."
    ]
