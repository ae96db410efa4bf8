"""All runs of the network study as rows, from which the summaries are computed."""

from pathlib import Path
from typing import Any

import pandas as pd

from landscape.errors import UserError
from landscape.tables.bands_and_probe import EPOCH_COLUMNS
from landscape.tables.collect import facts, joined, read_run

PLAIN = "plain"  # family and name of the network of plain tensors
OPTIONAL = ("test_accuracy_augmented", "flops", "train_flops")  # of run.json: plain runs lack some
LAST = ["train_accuracy", "validation_accuracy"]  # of the last epoch


def runs_and_epochs(run_ids: list[str], results: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row per run, with its accuracies after the last epoch; one row per run and epoch."""
    epochs = joined(run_ids, results, "epochs.csv", EPOCH_COLUMNS, _names)
    return _with_last_epoch(_runs(run_ids, results), epochs, results), epochs


def _names(run: dict[str, Any]) -> dict[str, Any]:
    """run: the id; name: what all seeds share; family: the architecture's name."""
    architecture = run["run"].get("architecture")
    return {
        "run": run["id"],
        "name": run["id"].removeprefix("network/").rsplit("/", 1)[0],
        "family": architecture["name"] if architecture else PLAIN,
        "seed": run["run"]["seed"],
    }


def _runs(run_ids: list[str], results: Path) -> pd.DataFrame:
    """One row per run: its settings, how it ended, its cost, its machine and versions."""
    rows = []
    for run_id in run_ids:
        run = read_run(results / run_id)
        settings = run["run"]
        optimizer = settings.get("optimizer")
        rows.append(
            {
                "study": settings["study"],
                **_names(run),
                "learning_rate": settings["learning_rate"],
                "optimizer": optimizer["name"] if optimizer else "sgd",
                "batch_size": settings["batch_size"],
                "epochs": settings["epochs"],
                **facts(run),
                **{key: run.get(key) for key in OPTIONAL},
            }
        )
    return pd.DataFrame(rows)


def _with_last_epoch(runs: pd.DataFrame, epochs: pd.DataFrame, results: Path) -> pd.DataFrame:
    """Each run's accuracies after its last epoch; empty for a run that diverged.

    The last epoch, not the best: choosing an epoch would be one more choice.
    """
    for run, status in zip(runs["run"], runs["status"], strict=True):
        numbers = list(epochs.loc[epochs["run"] == run, "epoch"])
        if numbers != list(range(1, len(numbers) + 1)) or (status == "completed" and not numbers):
            raise UserError(f"{results / run / 'epochs.csv'}: should have the epochs from 1 on")
    last = epochs.groupby("run", sort=False).tail(1)[["run", *LAST]]
    merged = runs.merge(last, on="run", how="left")
    merged[LAST] = merged[LAST].astype(float)
    merged.loc[merged["status"] == "diverged", LAST] = None
    return merged
