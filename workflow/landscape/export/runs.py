"""The runs in a results folder, as exports read them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from landscape.errors import UserError
from landscape.storage.files import read_json
from landscape.storage.tables import read_table

METRICS = ("test_accuracy", "test_accuracy_augmented", "test_loss", "train_seconds", "parameters")
POINTS = 1000  # of a curve, at most; viewers draw no more


class FinishedRun(NamedTuple):
    """A finished run: its record, steps and epochs; `steps` are thinned to `POINTS` rows."""

    id: str
    record: dict[str, Any]
    steps: pd.DataFrame
    epochs: pd.DataFrame


def finished_runs(results: Path) -> Iterator[FinishedRun]:
    """Every finished run in `results`, by id, without those still in training."""
    paths = sorted(results.glob("*/**/run.json"))
    if not paths:
        raise UserError(f"{results}: has no finished run, so there is nothing to export")
    for path in paths:
        folder = path.parent
        steps = read_table(folder / "steps.parquet")
        yield FinishedRun(
            str(folder.relative_to(results)),
            read_json(path),
            steps.iloc[:: -(-len(steps) // POINTS) or 1],
            read_table(folder / "epochs.csv"),
        )


def settings(record: dict[str, Any]) -> dict[str, bool | int | float | str]:
    """The run's settings without nesting: {"optimizer.name": "adam", …}; nulls are left out."""
    flat: dict[str, bool | int | float | str] = {}

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{prefix}.{key}" if prefix else key, inner)
        elif isinstance(value, bool | int | float | str):
            flat[prefix] = value
        elif value is not None:
            flat[prefix] = str(value)

    walk("", record["run"])
    return flat


def metrics(record: dict[str, Any]) -> dict[str, float]:
    """The run's final numbers, as far as it has them."""
    return {name: record[name] for name in METRICS if record.get(name) is not None}


def measures(table: pd.DataFrame, key: str) -> list[str]:
    """The columns of numbers, without the one that counts rows."""
    return [name for name in table.select_dtypes("number").columns if name not in (key, "epoch")]
