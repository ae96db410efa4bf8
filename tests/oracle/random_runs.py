"""Run folders of the bands and the probe study whose numbers are drawn at random."""

import numpy as np
import pandas as pd
import yaml

from landscape.config.study import load_study
from landscape.storage.files import sha256_file, write_sealed_json
from landscape.storage.tables import write_table
from oracle.miniature import CONFIG
from oracle.naive.runs import over
from support.artefacts import ROOT

STEPS, EPOCH, EVERY = 30, 10, 3
LOST = {"bands": ("vgg_a", 0.01, 1), "probe": None}  # the run that diverges, and where
LOST_AT = 20


def settings(seeds):
    shared = {"width": 0.05, "seeds": list(range(seeds)), "batch_size": 10}
    return {
        "data": {"source": "demo"},
        "split": {"train_images": 100},
        "mechanism": None,
        "network": None,
        "bands": {**shared, "learning_rates": [0.001, 0.01, 0.1], "epochs": 3}
        | {"gradient_lags": [1, 4], "same_batch_every_steps": 2},
        "probe": {**shared, "steps": STEPS, "every": EVERY},
    }


def write(folder, seeds):
    """The configuration; run folders below `folder`."""
    (folder / "random.yaml").write_text(yaml.safe_dump(settings(seeds)), "utf-8")
    study = load_study([ROOT / "config.yaml", folder / "random.yaml"])
    for run in study.runs:
        random = np.random.default_rng(np.frombuffer(run.id.encode(), np.uint8))
        lost = (run.architecture.name, run.learning_rate, run.seed) == LOST[run.study]
        done = LOST_AT if lost else STEPS
        made = {"steps.parquet": _steps(run, random, done), "epochs.csv": _epochs(random, done)}
        if run.probe:
            made["probe.parquet"] = _probe(run, random, done)
        for name, table in made.items():
            (folder / run.id).mkdir(parents=True, exist_ok=True)
            write_table(folder / run.id / name, table)
        facts = _facts(run, random, lost)
        facts["files"] = {name: sha256_file(folder / run.id / name) for name in made}
        write_sealed_json(folder / run.id / "run.json", facts)
    return over(CONFIG, settings(seeds))


def _positive(random, count, scale=1.0):
    return scale * random.lognormal(0, 1, count)


def _steps(run, random, count):
    table = {"step": range(count), "epoch": np.arange(count) // EPOCH + 1}
    table |= {"loss": _positive(random, count), "correct": random.integers(0, 11, count)}
    table["gradient_norm"] = _positive(random, count)
    for lag in run.gradient_lags:
        ending = "" if lag == 1 else f"_lag{lag}"
        for name in ("gradient_distance", "output_gradient_distance"):
            table[name + ending] = np.where(
                np.arange(count) < lag, np.nan, _positive(random, count)
            )
    late = np.arange(count) > 0
    for name in ("update_distance", "beta", "parameter_norm"):
        values = _positive(random, count)
        table[name] = values if name == "parameter_norm" else np.where(late, values, np.nan)
    if run.same_batch_every_steps:
        there = late & (np.arange(count) % run.same_batch_every_steps == 0)
        for name in ("same_batch_gradient_distance", "same_batch_beta"):
            table[name] = np.where(there, _positive(random, count), np.nan)
    return pd.DataFrame(table)


def _epochs(random, done):
    count = done // EPOCH
    return pd.DataFrame(
        {
            "epoch": range(1, count + 1),
            "train_loss": _positive(random, count),
            "train_accuracy": random.random(count),
            "validation_accuracy": [None] * count,
            "seconds": np.cumsum(random.random(count)),
            "train_flops": 1000 * np.arange(1, count + 1),
        }
    )


def _probe(run, random, count):
    rows = []
    for step in range(0, count, EVERY):
        origin = dict(zip(ORIGIN, _positive(random, len(ORIGIN)), strict=True))
        for size in run.probe.relative_step_sizes:
            there = dict(zip(THERE, _positive(random, len(THERE)), strict=True))
            there["gradient_cosine"] = random.uniform(-1, 1)
            if size == 4 and step == 6 and run.architecture.name == "vgg_a":
                there = dict.fromkeys(there)  # a step too large to have a loss
            sizes = {"step_size": size * run.learning_rate, "relative_step_size": size}
            rows.append({"step": step, **sizes, **origin, **there})
    return pd.DataFrame(rows)


ORIGIN = ("loss_at_origin", "gradient_norm", "kappa", "hg_over_g", "parameter_norm")
THERE = (
    "loss", "gradient_norm_there", "gradient_distance", "gradient_cosine", "beta",
    "smooth_distance", "rest_distance", "relu_flips", "pool_flips",
)  # fmt: skip


def _facts(run, random, lost):
    return {
        "id": run.id,
        "run": run.model_dump(mode="json"),
        "status": "diverged" if lost else "completed",
        "diverged_at_step": LOST_AT if lost else None,
        "steps": STEPS,
        "train_images": 100,
        "validation_images": 0,
        "parameters": int(random.integers(100, 1000)),
        "test_accuracy": None if lost else float(random.random()),
        "test_loss": None if lost else float(_positive(random, 1)[0]),
        "train_seconds": float(_positive(random, 1)[0]),
        "total_seconds": float(_positive(random, 1)[0]),
        "device": "a machine",
        "precision": "float32",
        "threads": 1,
        "torch": "2.x",
        "versions": {"python": "3.x"},
        "data": "a" * 64,
        "code": "b" * 64,
        "git_commit": None,
        "finished": "2026-01-01",
    }
