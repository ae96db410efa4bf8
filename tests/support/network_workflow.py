"""The network study in miniature, and a project in which every study of it has been run once."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from support.artefacts import ROOT, made_once
from support.workflow import copy_project, snakemake, tiny_study

TINY = {
    "split": {"train_images": 100, "validation_images": 20},
    "precision": "float32",
    "base": {
        "architecture": {"filters": 2, "neurons": 8},
        "batch_size": 50,
        "epochs": 1,
    },
    "seeds": [0],
    "tune": {
        "factors": [0.5, 1],
        "seed": 1,
    },  # another seed than decides: its runs are asked for late
    "finals": {
        "fast": {"architecture": {"width": 0.05}, "batch_size": 50, "epochs": 1},
        "speedrun": None,
        "compact": None,
        "middle": None,
        "accurate": None,
        "resnet18": None,
        "narrow": None,
    },
    "final_seeds": [0],
    "ablations": {"compact": None, "fast": {"no residual": None, "all images whole": None}},
    "plain": {"filters": 2, "neurons": 8, "batch_size": 50, "epochs": 1},
    "insight": {"finals": ["fast"], "surface_points": 3, "surface_images": 20, "images": 20},
}


def network(tune: Any = TINY["tune"], **levels: Any) -> dict[str, Any]:
    """Of config.yaml's sweeps, these levels of the activation function and nothing else."""
    everything = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))["network"]["sweeps"]
    sweeps = dict.fromkeys(everything) | {"activation": dict.fromkeys(everything["activation"])}
    sweeps["activation"] |= {"relu": {}, **levels}
    return {**TINY, "sweeps": sweeps, "tune": tune}


def configure(
    project: Path, tune: Any = TINY["tune"], more: dict[str, Any] | None = None, **levels: Any
) -> None:
    """Tiny bands, a tiny network study with these levels, and no probe unless `more` has one."""
    parts = {"bands": {"learning_rates": [0.001]}, "probe": None} | (more or {})
    study = tiny_study(network=network(tune, **levels), **parts)
    (project / "tiny.yaml").write_text(yaml.safe_dump(study), "utf-8")


GELU = {"gelu": {"architecture": {"activation": "gelu"}}}


@pytest.fixture(scope="session")
def finished_networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a tiny study of all kinds but the mechanism, run once."""

    def make(folder: Path) -> None:
        configure(copy_project(folder), more={"probe": {}}, **GELU)
        snakemake(folder)

    return made_once(tmp_path_factory, "networks", make)
