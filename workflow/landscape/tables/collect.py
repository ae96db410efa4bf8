"""The same file of many runs as one table; each is checked as it is read."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from landscape.errors import UserError
from landscape.storage.files import read_json, require_recorded
from landscape.storage.step_columns import unmeasured
from landscape.storage.tables import read_table

FACTS = (  # keys of run.json: how a run ended, its cost, its machine and versions
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
Names = Callable[[dict[str, Any]], dict[str, Any]]  # from run.json to the columns that name the run


def runs_table(run_ids: Iterable[str], results: Path) -> pd.DataFrame:
    """One row per run: its settings, how it ended, its cost, its machine and versions."""
    return pd.DataFrame([_run_row(read_run(results / run_id)) for run_id in run_ids])


def arch_names(run: dict[str, Any]) -> dict[str, Any]:
    settings = run["run"]
    return {
        "arch": settings["architecture"]["name"],
        "learning_rate": settings["learning_rate"],
        "seed": settings["seed"],
    }


def joined(
    run_ids: Iterable[str],
    results: Path,
    file: str,
    columns: set[str],
    names: Names = arch_names,
) -> pd.DataFrame:
    """The table `file` of every run, concatenated, preceded by the columns that name the run."""
    tables = []
    for run_id in run_ids:
        run = read_run(results / run_id)
        path = results / run_id / file
        require_recorded(path, run)
        table = read_table(path, columns)
        if file == "steps.parquet":
            _require_steps(table, run, path)
        elif file == "probe.parquet":
            _require_probes(table, path)
        for position, (name, value) in enumerate(names(run).items()):
            table.insert(position, name, pd.Series(value, table.index))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def read_run(folder: Path) -> dict[str, Any]:
    """The run.json of a folder; an error if it lacks a key that its row of a table needs."""
    path = folder / "run.json"
    run: Any = read_json(path)
    if not isinstance(run, dict):
        raise UserError(f"{path}: must be an object, not {type(run).__name__}")
    missing = sorted({"run", "versions", *FACTS} - run.keys())
    if missing:
        raise UserError(f"{path}: lacks the keys {missing}; train the run again")
    return run


def facts(run: dict[str, Any]) -> dict[str, Any]:
    """Columns of a run; `finished` is empty in older runs, which do not record it."""
    known = {key: run[key] for key in FACTS}
    return {**known, "python": run["versions"]["python"], "finished": run.get("finished")}


def _run_row(run: dict[str, Any]) -> dict[str, Any]:
    settings = run["run"]
    return {
        "study": settings["study"],
        **arch_names(run),
        "width": settings["architecture"]["width"],
        "optimizer": settings["optimizer"]["name"],
        "batch_size": settings["batch_size"],
        **facts(run),
    }


def _require_steps(table: pd.DataFrame, run: dict[str, Any], path: Path) -> None:
    expected = run["steps"] if run["status"] == "completed" else run["diverged_at_step"]
    if list(table["step"]) != list(range(expected)):
        raise UserError(f"{path}: should have the steps 0 to {expected - 1}, has {len(table)} rows")
    for name in table.columns.drop(["step", "epoch"]):
        missing = unmeasured(table, name, run["run"].get("same_batch_every_steps"))
        if missing.any():
            raise UserError(f"{path}: {name} has no value at step {missing.idxmax()}")


def _require_probes(table: pd.DataFrame, path: Path) -> None:
    """Check that nulls are only at step sizes after which the loss is not finite."""
    there = table[table["loss"].notna()]
    missing = there.columns[there.isna().any()]
    if len(missing):
        raise UserError(f"{path}: {list(missing)} have no value although there is a loss")
