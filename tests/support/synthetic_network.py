"""Run folders that look like those of a trained network study, made without training."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from landscape.config.entries import setting_of
from landscape.config.network_study import NetworkStudy
from landscape.config.runs import PlainRun, Run
from landscape.tables.tuning import tabulate_tuning

DEVICE = "AMD EPYC 9V74 80-Core Processor"
# Test accuracy, parameters, PFLOP and seconds of a whole training, of each family.
FAMILIES = {
    "speedrun": (0.899, 1_973_554, 0.29, 960.0),
    "fast": (0.906, 2_270_000, 0.25, 820.0),
    "compact": (0.921, 271_786, 3.9, 9_400.0),
    "accurate": (0.938, 9_899_000, 3.0, 12_000.0),
    "resnet18": (0.931, 11_173_962, 9.9, 21_000.0),
    "convnet": (0.872, 550_570, 0.1, 300.0),
    "mlp": (0.588, 1_841_162, 0.003, 40.0),
    "plain": (0.781, 358_666, 0.02, 2_100.0),
}
GAINS = {  # what a level adds to the validation accuracy of the base or of the whole network
    "sweep/normalization/none": -0.031,
    "sweep/activation/gelu": 0.004,
    "sweep/augmentation/none": -0.041,
    "sweep/optimizer/our_Muon": 0.017,
    "sweep/optimizer/Adagrad": -0.055,
    "sweep/filters/16": -0.032,
    "sweep/filters/64": 0.021,
    "ablation/fast/no_whitening": -0.011,
    "ablation/fast/no_residual": -0.0004,
    "ablation/compact/no_depthwise": -0.021,
    "ablation/compact/no_squeeze-excitation": 0.003,
}


def write_runs(
    folder: Path, study: NetworkStudy, diverged: tuple[str, ...] = (), views: bool = True
) -> Path:
    """Every run's run.json and epochs.csv below `folder`/network, the layers and the choices.

    Runs whose id is in `diverged` have no accuracy; without `views` nothing was augmented.
    """
    for run in (*study.possible_runs("auto"), *study.plain_runs("auto")):
        place = folder / run.id
        place.mkdir(parents=True, exist_ok=True)
        row = _run(run, run.id in diverged, views)
        (place / "run.json").write_text(json.dumps(row))
        _epochs(run, row).to_csv(place / "epochs.csv", index=False)
    tables = [
        layers(entry.recipe.architecture.name).assign(network=entry.level)
        for entry in study.entries()
        if entry.kind == "final"
    ]
    if tables:
        pd.concat(tables).to_csv(folder / "network/layers.csv", index=False)
    if study.is_tuned:
        tabulate_tuning(study, folder)
    return folder


def _family(run: Run | PlainRun) -> str:
    return run.architecture.name if isinstance(run, Run) else "plain"


def _random(*key: Any) -> np.random.Generator:
    return np.random.default_rng(np.frombuffer(repr(key).encode(), np.uint8))


def _validation(run: Run | PlainRun) -> float:
    """What the seed gives every network, what the setting gives, and what nobody controls."""
    name = run.id.removeprefix("network/").rsplit("/", 1)[0]
    setting = setting_of(name)
    shared = 0.003 * _random("seed", run.seed).normal()
    own = GAINS.get(setting, 0.002 * _random("setting", setting).normal())
    alone = 0.0012 * _random("run", run.id).normal()
    rate = 0.0 if name == setting else 0.004 * _random("rate", name).normal() - 0.002
    gain = 0.0 if setting == "base" else own
    return FAMILIES[_family(run)][0] + gain + rate + shared + alone


def _run(run: Run | PlainRun, diverged: bool, views: bool) -> dict[str, Any]:
    _, parameters, petaflops, seconds = FAMILIES[_family(run)]
    own = isinstance(run, Run)
    tested = not diverged and (not own or run.tested)
    random = _random("cost", run.id)
    if own and run.architecture.name == "convnet":
        wider = run.architecture.filters / 32
        parameters, petaflops = round(parameters * wider**2), petaflops * wider**2
    seconds *= float(random.uniform(0.97, 1.03))
    accuracy = _validation(run) - 0.004
    row: dict[str, Any] = {
        "id": run.id,
        "status": "diverged" if diverged else "completed",
        "diverged_at_step": 130 if diverged else None,
        "steps": 390 * (run.epochs or 0),
        "train_images": 49_000,
        "validation_images": 1_000,
        "parameters": parameters,
        "test_accuracy": accuracy if tested else None,
        "test_loss": 0.35 if tested else None,
        "train_seconds": seconds,
        "total_seconds": seconds + 9.0,
        "finished": "2026-03-01",
        "precision": "bfloat16" if own else "float32",
        "versions": {"python": "3.11.7", "torch": "2.10.0"},
        "git_commit": "0123456789abcdef0123456789abcdef01234567",
        "run": run.model_dump(mode="json"),
        "code": "d" * 64,
        "data": "a" * 64,
        "torch": "2.10.0",
        "threads": 2,
        "device": DEVICE,
    }
    if own:
        augmented = tested and views and run.test_time_augmentation
        row |= {
            "test_accuracy_augmented": accuracy + 0.006 if augmented else None,
            "flops": round(petaflops * 1e15 / 49_000 / (3 * (run.epochs or 1))),
            "train_flops": round(petaflops * 1e15),
        }
    return row


def _epochs(run: Run | PlainRun, row: dict[str, Any]) -> pd.DataFrame:
    count = run.epochs or 1
    shown = 1 if row["status"] == "diverged" else count
    share = np.arange(1, count + 1) / count
    accuracy = _validation(run) - 0.35 * (1 - share) ** 1.5
    columns = {
        "epoch": np.arange(1, count + 1),
        "train_loss": 2.0 * (1 - share) + 0.05,
        "train_accuracy": accuracy + 0.04 * share,
        "validation_accuracy": accuracy,
        "seconds": row["train_seconds"] * share,
    }
    if "train_flops" in row:
        columns["train_flops"] = (row["train_flops"] * share).astype(np.int64)
    return pd.DataFrame(columns)[:shown]


def layers(family: str) -> pd.DataFrame:
    """A plausible network: stem, three stages that end in pooling, head."""
    blocks = {"compact": 4, "accurate": 3, "resnet18": 2}.get(family, 1)
    rows = list(_stem(family))
    side, inputs = 32, 24
    for stage, channels in enumerate((64, 128, 256)):
        for block in range(blocks):
            for row in _block(family, inputs, channels, side):
                rows.append((f"features.{stage}.{block}.{row[0]}", *row[1:]))
            inputs = channels
        side //= 2
        rows.append((f"features.{stage}.pool", "pooling", (channels, side, side), 0, 0))
    rows.append(("output_layer", "linear", (10,), 2_570, 5_120))
    rows.append(("", "other", (), 0, 64))
    table = pd.DataFrame(rows, columns=["layer", "kind", "output_shape", "parameters", "flops"])
    shapes = ["×".join(map(str, shape)) for shape in table["output_shape"]]
    return table.assign(output_shape=shapes)


Row = tuple[str, str, tuple[int, ...], int, int]


def _stem(family: str) -> Iterator[Row]:
    if family in ("fast", "speedrun"):
        yield "whitening", "whitening", (24, 31, 31), 24, 553_536
    else:
        yield "stem", "convolution", (24, 32, 32), 648, 1_327_104
    yield "activation", "activation", (24, 32, 32), 0, 0


def _block(family: str, inputs: int, outputs: int, side: int) -> Iterator[Row]:
    def convolution(name: str, kind: str, count: int, parameters: int) -> Row:
        return name, kind, (count, side, side), parameters, 2 * parameters * side * side

    if family == "compact":
        wide = 4 * inputs
        yield convolution("expand", "convolution", wide, inputs * wide)
        yield convolution("filter", "depthwise convolution", wide, 9 * wide)
        yield "channels", "attention", (wide, side, side), 2 * wide * inputs, 4 * wide * inputs
        yield convolution("narrow", "convolution", outputs, wide * outputs)
    else:
        yield convolution("first", "convolution", outputs, 9 * inputs * outputs)
        yield convolution("second", "convolution", outputs, 9 * outputs * outputs)
    yield "norm", "normalization", (outputs, side, side), 2 * outputs, 0
    if family in ("resnet18", "accurate") and inputs != outputs:
        yield convolution("shortcut", "convolution", outputs, inputs * outputs)
