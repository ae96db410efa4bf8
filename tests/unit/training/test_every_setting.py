"""Every setting of a run is read: another value changes the artefact that it is there for.

By construction: the leaves are those of the types `Run` and `PlainRun`, so that a new setting
without a run in which it changes something fails here.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import torch
from pydantic import BaseModel

from landscape.config.runs import PlainRun, Run
from landscape.errors import UserError
from landscape.training import job
from support import small

SGD = {"name": "sgd", "momentum": 0.9, "weight_decay": 0.01}
MUON = {"name": "muon", "momentum": 0.6, "vector_learning_rate": 0.1, "head_learning_rate": 0.1}
PARTS: dict[str, dict[str, Any]] = {  # of a run, over the plainest one
    "vgg": {"architecture": {"name": "vgg_a_bn", "width": 0.05}},
    "mlp": {"architecture": {"name": "mlp", "neurons": 8, "hidden_layers": 1, "dropout": 0.1}},
    "convnet": {"architecture": {"name": "convnet", "filters": 2, "neurons": 8, "dropout": 0.1}},
    "compact": {"architecture": {"name": "compact", "width": 0.1}},
    "fast": {
        "architecture": {"name": "fast", "width": 0.05},
        "small_images": {"size": 20, "share": 0.5},
    },
    "accurate": {"architecture": {"name": "accurate", "width": 0.05, "blocks": 1}},
    "muon": {"optimizer": MUON},
    "loss": {"loss": {"name": "focal", "l1": 0.01}},
    "smoothed": {"loss": {"label_smoothing": 0.1}},
    "augmented": {"augmentation": {"flip": "random", "crop": 2, "cutout": 8, "mixup": 0.4}},
    "schedule": {"schedule": {"warmup": 0.3, "decay": "linear", "final": 0.1}},
    "measured": {"gradient_lags": [1], "same_batch_every_steps": 2},
    "probed": {"probe": {"every": 2, "relative_step_sizes": [0.5, 1.0]}},
    "stepped": {"epochs": None, "steps": 3, "moments": [0]},
}
PLAINEST = {
    "study": "network",
    "name": "x",
    "architecture": {"name": "mlp", "neurons": 4, "hidden_layers": 1},
    "optimizer": SGD,
    "learning_rate": 0.01,
    "batch_size": 8,
    "epochs": 2,
    "average_decay": 0.5,
    "seed": 0,
    "split": {"train_images": 24, "validation_images": 8, "seed": 0},
    "device": "cpu",
    "precision": "float32",
}
TENSORS = {
    "filters": 2,
    "neurons": 4,
    "learning_rate": 0.01,
    "momentum": 0.9,
    "weight_decay": 0.01,
    "batch_size": 8,
    "epochs": 2,
    "seed": 0,
    "split": PLAINEST["split"],
    "device": "cpu",
}
OTHER: dict[str, Any] = {  # what is not changed by the rule of `another`
    "optimizer.name": "rmsprop",
    "optimizer.nesterov": True,
    "loss.name": "squared_error",
    "name": "y",
    "steps": 4,
    "moments": [0, 2],
    "gradient_lags": [1, 2],
    "batch_size": 6,
    "same_batch_every_steps": 3,
    "probe.relative_step_sizes": [0.5, 2.0],
    "split.train_images": 20,
    "split.validation_images": 12,
    "architecture.vgg.name": "vgg_a",
    "small_images.share": 0.9,
    "schedule.decay": "cosine",
    "augmentation.flip": "alternating",
    "precision": "bfloat16",
}
SHOWN_IN = {  # the file in which a setting shows, if not in every step: "file" or "file key"
    "name": "run.json id",
    "study": "run.json id",
    "tested": "run.json test_accuracy",
    "test_time_augmentation": "run.json test_accuracy_augmented",
    "average_decay": "model.safetensors",
    "moments": "snapshots.safetensors",
    "probe.every": "probe.parquet",
    "probe.relative_step_sizes": "probe.parquet",
    "split.validation_images": "run.json validation_images",
}


def leaves(model: type[BaseModel], at: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting that is no section, by its keys; a network's by those and its name."""
    for name, field in model.model_fields.items():
        inner = [kind for kind in members(field.annotation) if is_model(kind)]
        for kind in inner:
            tag = f".{kind.__name__.lower()}" if len(inner) > 1 else ""
            yield from leaves(kind, f"{at}{name}{tag}.")
        if not inner and not is_fixed(field.annotation):
            yield f"{at}{name}", field.annotation


def members(kind: Any) -> list[Any]:
    """A type, or those that a union is of."""
    return [kind] if not get_args(kind) or is_literal(kind) else [*get_args(kind)]


def is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def is_literal(kind: Any) -> bool:
    return get_origin(kind) is Literal


def is_fixed(kind: Any) -> bool:
    """A name that has one value: it tells the type."""
    return is_literal(kind) and len(get_args(kind)) == 1


LEAVES = dict(leaves(Run))
PLAIN_LEAVES = dict(leaves(PlainRun))


def another(at: str, old: Any, kind: Any) -> Any:
    """A value that is not the one that it was."""
    if at in OTHER:
        return OTHER[at]
    if is_literal(kind):
        return next(value for value in get_args(kind) if value != old)
    if isinstance(old, bool):
        return not old
    return old + 1 if isinstance(old, int) else (2 * old if 0 < old < 0.5 else 0.5 * old or 0.3)


def get(settings: dict[str, Any], at: str) -> tuple[dict[str, Any], str]:
    """The section that holds a leaf, and its key there."""
    *sections, key = [part for part in at.split(".") if part in KEYS or part == at.split(".")[-1]]
    for section in sections:
        settings = settings[section]
    return settings, key


KEYS = {"architecture", "optimizer", "loss", "augmentation", "schedule", "small_images", "probe"}
KEYS |= {"split"}


def base_of(at: str) -> dict[str, Any]:
    """Settings of a run in which this leaf is used."""
    tag = at.split(".")[1] if at.startswith("architecture.") else None
    sections = {
        "small_images": "fast",
        "loss": "loss",
        "augmentation": "augmented",
        "schedule": "schedule",
        "probe": "probed",
    }
    part = tag or {
        "gradient_lags": "measured",
        "same_batch_every_steps": "measured",
        "steps": "stepped",
        "moments": "stepped",
        "loss.label_smoothing": "smoothed",
        "optimizer.vector_learning_rate": "muon",
        "optimizer.head_learning_rate": "muon",
        "optimizer.vector_momentum": "muon",
        "optimizer.newton_schulz_steps": "muon",
        "optimizer.fixed_norm": "muon",
    }.get(at, sections.get(at.split(".")[0], ""))
    return {**PLAINEST, **PARTS.get(part, {})}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.prepare(tmp_path_factory.mktemp("results"), *small.images())


@cache
def artefacts(results: Path, kind: type[Run | PlainRun], text: str) -> dict[str, str]:
    return small.artefacts(kind.model_validate_json(text), results)


def changes(results: Path, kind: type[Run | PlainRun], base: dict, changed: dict) -> set[str]:
    """The artefacts in which the runs of two settings differ."""
    before, after = (
        artefacts(results, kind, kind.model_validate(settings).model_dump_json())
        for settings in (base, changed)
    )
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


@pytest.mark.parametrize("at", sorted(LEAVES.keys() - {"device", "study"}))
def test_another_value_changes_what_the_setting_is_for(at: str, results: Path) -> None:
    base = Run.model_validate(base_of(at)).model_dump(mode="json")
    changed = json.loads(json.dumps(base))
    section, key = get(changed, at)
    section[key] = another(at, section[key], LEAVES[at])
    assert section[key] != get(base, at)[0][key]
    if at == "loss.name":
        section["focusing"] = 2.0
    differ = changes(results, Run, base, changed)
    assert SHOWN_IN.get(at, "steps.parquet") in differ, differ


@pytest.mark.parametrize("at", sorted(PLAIN_LEAVES.keys() - {"device"}))
def test_another_value_changes_the_network_of_plain_tensors(at: str, results: Path) -> None:
    base = PlainRun.model_validate(TENSORS).model_dump(mode="json")
    changed = json.loads(json.dumps(base))
    section, key = get(changed, at)
    section[key] = another(at, section[key], PLAIN_LEAVES[at])
    differ = changes(results, PlainRun, base, changed)
    assert SHOWN_IN.get(at, "epochs.csv train_loss") in differ, differ


def test_the_study_is_where_a_run_lies() -> None:
    parts = [*get_args(LEAVES["study"])]
    runs = [Run.model_validate({**base_of("study"), "study": study}) for study in parts]
    assert len({run.id for run in runs}) == len(parts)


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is a GPU")
def test_a_device_that_is_not_there_is_refused(results: Path) -> None:
    settings = {**PLAINEST, "device": "cuda"}
    with pytest.raises(UserError, match="cuda"):
        job.train(Run.model_validate(settings), results, threads=1)
