"""Runs of a few steps on a few images, and all that they leave."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from landscape.config.runs import PlainRun, Run
from landscape.data import preparation
from landscape.data.sources import demo
from landscape.plain import job as plain_job
from landscape.training import job

TRAIN, TEST = 40, 20
Part = tuple[np.ndarray, np.ndarray]  # pixels, labels


def images() -> tuple[Part, Part]:
    """Of both parts, as the demo makes them."""
    random = np.random.default_rng(0)
    return demo.images(TRAIN, random), demo.images(TEST, random)


def prepare(folder: Path, train: Part, test: Part) -> Path:
    """A results folder that holds these images prepared."""
    told = {"source": "demo", "name": "demo", "origin": None, "official_pixels": None, "files": []}
    preparation.write(folder / "data", train, test, {**told, "class_names": [*demo.CLASS_NAMES]})
    return folder


def artefacts(run: Run | PlainRun, results: Path) -> dict[str, str]:
    """Train it: checksums of its files, cells of its epochs.csv, keys of its run.json.

    Seconds, and checksums of files that hold seconds, are left out.
    """
    if isinstance(run, Run):
        job.train(run, results, threads=1)
    else:
        plain_job.train(run, results, threads=1)
    folder = results / run.id
    found: dict[str, Any] = {}
    for column, values in pd.read_csv(folder / "epochs.csv").drop(columns="seconds").items():
        found[f"epochs.csv {column}"] = values.tolist()
    for path in [*folder.glob("*.parquet"), *folder.glob("*.safetensors")]:
        found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    record = json.loads((folder / "run.json").read_text("utf-8"))
    del record["seal"], record["files"]
    timed = {key for key in record if key.endswith("_seconds") or key == "finished"}
    found |= {f"run.json {key}": record[key] for key in record.keys() - timed}
    return {name: repr(value) for name, value in found.items()}
