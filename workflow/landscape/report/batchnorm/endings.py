"""Runs that learned nothing, and runs that diverged."""

import pandas as pd

from landscape.notation.names import label

NEAR_CHANCE = 1.5  # times the accuracy of guessing


def near_chance(runs: pd.DataFrame, classes: int) -> list[str]:
    """Runs that did not learn: their loss is flat because nothing happened."""
    limit = NEAR_CHANCE / classes
    said = []
    for name, part in runs[runs["test_accuracy"].notna()].groupby("arch", sort=False):
        count = int((part["test_accuracy"] < limit).sum())
        if count:
            said.append(
                f"{count} of {len(part)} runs of {label(str(name))} end near chance (test accuracy "
                f"below {100 * limit:.0f} %, chance {100 / classes:.0f} %): they learned little, "
                "and low values of the landscape measures are no sign of an easy landscape."
            )
    return said


def diverged(runs: pd.DataFrame, consequence: str) -> list[str]:
    """Diverged runs by name: a learning rate that fails is a result."""
    gone = runs[runs["status"] == "diverged"]
    if gone.empty:
        return ["No run diverged."]
    said = [
        f"{label(str(run['arch']))} diverged at learning rate {run['learning_rate']:g}, "
        f"seed {run['seed']}, step {run['diverged_at_step']:,.0f}."
        for run in gone.to_dict("records")
    ]
    return [*said, consequence]
