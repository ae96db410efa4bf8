"""Many runs' files as one table, each checked as it is read."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from landscape import storage
from landscape.errors import UserError


def runs_table(run_ids: Iterable[str], results: Path) -> pd.DataFrame:
    """One row per run: its settings, how it ended, what it cost and what made it."""
    return pd.DataFrame([_run_row(results / run_id) for run_id in run_ids])


def joined(run_ids: Iterable[str], results: Path, file: str, columns: set[str]) -> pd.DataFrame:
    """The table `file` of every run, one below the other, led by `arch, learning_rate, seed`."""
    tables = []
    for run_id in run_ids:
        run = _read_run(results / run_id)
        table = storage.read_table(results / run_id / file, columns)
        _require_finite(table, results / run_id / file)
        if file == "steps.parquet":
            _require_steps(table, run, results / run_id / file)
        for position, (name, value) in enumerate(_names(run).items()):
            table.insert(position, name, value)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _read_run(folder: Path) -> dict[str, Any]:
    run: dict[str, Any] = storage.read_json(folder / "run.json")
    return run


def _names(run: dict[str, Any]) -> dict[str, Any]:
    settings = run["run"]
    return {
        "arch": settings["architecture"]["name"],
        "learning_rate": settings["learning_rate"],
        "seed": settings["seed"],
    }


def _run_row(folder: Path) -> dict[str, Any]:
    run = _read_run(folder)
    settings = run["run"]
    return {
        "study": settings["study"],
        **_names(run),
        "width": settings["architecture"]["width"],
        "optimizer": settings["optimizer"]["name"],
        "batch_size": settings["batch_size"],
        **{
            key: run[key]
            for key in (
                "train_images",
                "validation_images",
                "steps",
                "status",
                "diverged_at_step",
                "parameters",
                "test_accuracy",
                "test_loss",
                "train_seconds",
                "total_seconds",
                "device",
                "precision",
                "threads",
                "torch",
                "data",
                "code",
                "git_commit",
            )
        },
        "python": run["versions"]["python"],
    }


def _require_finite(table: pd.DataFrame, path: Path) -> None:
    """Nulls are for what was never measured; an infinity is never a measurement."""
    numbers = table.select_dtypes("number")
    infinite = numbers.columns[np.isinf(numbers.to_numpy(dtype=float)).any(axis=0)]
    if len(infinite):
        raise UserError(f"{path}: {list(infinite)} are not finite")


def _require_steps(table: pd.DataFrame, run: dict[str, Any], path: Path) -> None:
    expected = run["steps"] if run["status"] == "completed" else run["diverged_at_step"]
    if list(table["step"]) != list(range(expected)):
        raise UserError(f"{path}: should hold the steps 0 to {expected - 1}, has {len(table)} rows")
    if table["loss"].isna().any() or table["gradient_norm"].isna().any():
        raise UserError(f"{path}: has steps without a loss or a gradient norm")
