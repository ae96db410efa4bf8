"""The origin of every number: data, machines, versions, seconds, runs."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from landscape.notation.names import label
from landscape.notation.numbers import number, percent

Table = dict[str, Any]  # head and body, texts only
LONG = 60  # runs of one study that are printed; more are in its runs.csv only
COLUMNS = ["device", "precision", "threads", "torch", "python", "git_commit", "seed"]
DATA_KEYS = {
    "source": "source",
    "name": "name",
    "origin": "origin",
    "official_pixels": "official pixels",
    "train_images": "training images",
    "test_images": "test images",
    "class_names": "classes",
    "sha256": "SHA-256",
}


def provenance(dataset: Mapping[str, Any], runs: Mapping[str, pd.DataFrame]) -> dict[str, Table]:
    data = [
        [name, text]
        for key, name in DATA_KEYS.items()
        for text in [_text(dataset.get(key))]
        if text
    ]
    every = pd.concat(list(runs.values()), ignore_index=True)
    machine = [[name.replace("_", " "), _distinct(every[name])] for name in COLUMNS]
    seconds = []
    for name, table in [*runs.items(), ("all", every)]:
        train, total = float(table["train_seconds"].sum()), float(table["total_seconds"].sum())
        share = f"{100 * (1 - train / total):.1f} %" if total > 0 else ""
        seconds.append([name, str(len(table)), f"{train:,.1f}", f"{total:,.1f}", share])
    head = ["study", "runs", "training (s)", "in total (s)", "share other than training"]
    return {
        "data": {"head": ["key", "value"], "body": data},
        "machine": {"head": ["", "all runs"], "body": machine},
        "seconds": {"head": head, "body": seconds},
    }


def runs_table(table: pd.DataFrame, images: int) -> Table:
    """Every run and how it ended; empty for a long table, which is in runs.csv."""
    if len(table) > LONG:
        return {"head": [], "body": []}
    head = ["architecture", "lr", "seed", "steps", "status", "test accuracy", "test loss"]
    body = [
        [
            label(str(run["arch"])),
            f"{run['learning_rate']:g}",
            str(run["seed"]),
            f"{run['steps']:,}",
            _ended(run),
            "" if pd.isna(run["test_accuracy"]) else percent(run["test_accuracy"], images),
            "" if pd.isna(run["test_loss"]) else number(run["test_loss"]),
            f"{run['train_seconds']:.1f}",
        ]
        for run in table.to_dict("records")
    ]
    return {"head": [*head, "training (s)"], "body": body}


def _ended(run: Mapping[Any, Any]) -> str:
    if run["status"] != "diverged":
        return str(run["status"])
    return f"diverged at step {run['diverged_at_step']:,.0f}"


def _distinct(values: pd.Series) -> str:
    return ", ".join(str(value) for value in sorted(values.dropna().unique()))


def _text(value: Any) -> str:
    """A JSON value as one text; the entries of a mapping in order."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
