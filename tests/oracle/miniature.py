"""config.yaml in miniature: every run of it trained in this process, with the weights of each step.

The weights are kept by the setting that the mechanism study keeps its own with, which changes no
run (tests/unit/training/test_snapshots.py).
"""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import yaml

from landscape.config.architectures import VggName
from landscape.config.study import load_study
from landscape.data import preparation
from landscape.data.sources import demo
from landscape.insight import run as insight
from landscape.plain import job as plain_job
from landscape.tables.bands_and_probe import aggregate_bands, aggregate_probe
from landscape.tables.network_study import aggregate_network
from landscape.training import job
from support.artefacts import ROOT, made_once

TRAIN_IMAGES, TEST_IMAGES = 150, 40
OVERLAY = "smaller.yaml"
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))
MECHANISM = get_args(VggName) + ("vgg_a_bn_fixed_norm",)
CALM = {"vector_learning_rate": 0.5, "head_learning_rate": 5}  # so narrow a network needs it
DEEP = {"name": "mlp", "neurons": 6, "hidden_layers": 3, "activation": "tanh", "dropout": 0.5}
MUON = {"name": "muon", "vector_learning_rate": 0.02, "head_learning_rate": 0.03}
BESIDE = {  # settings that config.yaml has at one value, or not at all
    "loss": {"focal 1": {"loss": {"name": "focal", "focusing": 1}}},
    "regularization": {
        "average": {"average_decay": 0.5},
        "linear": {"schedule": {"warmup": 0.34, "decay": "linear", "final": 0.2}},
        "cosine": {"schedule": {"warmup": 0, "decay": "cosine", "final": 0.5}},
        "constant": {"schedule": {"warmup": 0.5, "decay": "constant"}},
    },
    "augmentation": {
        "all": {"augmentation": {"flip": "alternating", "crop": 4, "cutout": 5, "mixup": 0.7}}
    },
    "optimizer": {
        "RMSprop with momentum": {
            "optimizer": {"name": "rmsprop", "momentum": 0.8},
            "learning_rate": 0.0005,
        },
        "our SGD": {"optimizer": {"name": "our_sgd", "momentum": 0.7, "weight_decay": 0.01}},
        "Muon": {"optimizer": {**MUON, "momentum": 0.8, "newton_schulz_steps": 2}},
        "Muon with decay": {
            "optimizer": {**MUON, "vector_momentum": 0.3, "weight_decay": 0.001},
            "learning_rate": 0.02,
        },
        "SAM on AdamW": {
            "optimizer": {"name": "adamw", "sharpness_radius": 0.2, "weight_decay": 0.1},
            "loss": {"l1": 0.001},
            "learning_rate": 0.001,
        },
        "SAM with dropout": {
            "architecture": {"dropout": 0.5},
            "optimizer": {"sharpness_radius": 0.1},
        },
    },
}
SMALLER = {
    "data": {"source": "demo"},
    "device": "cpu",
    "split": {"train_images": 70, "validation_images": 30, "seed": 3},
    "bands": {
        "width": 0.05,
        "learning_rates": [0.001, 0.0001, 1.0e20],  # the last one diverges
        "seeds": [0, 1],
        "batch_size": 32,
        "epochs": 2,
        "gradient_lags": [1, 2],
        "same_batch_every_steps": 2,
    },
    "probe": {"width": 0.05, "seeds": [0, 4], "batch_size": 32, "steps": 7, "every": 3},
    "mechanism": {
        "networks": dict.fromkeys(MECHANISM, [0]),
        "width": 0.05,
        "slower": {"networks": {"vgg_a": [0], "vgg_a_bn": [0]}},
        "batch_size": 32,
        "steps": 3,
        "curvature_images": 50,
    },
    "network": {
        "split": {"train_images": 50, "validation_images": 20, "seed": 1},
        "precision": "float32",
        "base": {"architecture": {"filters": 2, "neurons": 8}, "batch_size": 20, "epochs": 2},
        "seeds": [1],
        "tune": None,  # its tables, of many seeds, are in test_tables.py
        "sweeps": {
            "filters": {
                "16": {"architecture": {"filters": 1}},
                "32": {},
                "64": {"architecture": {"filters": 3}},
            },
            "neurons": {
                "32": {"architecture": {"neurons": 4}},
                "128": {},
                "512": {"architecture": {"neurons": 12}},
            },
            "structure": {
                "fully connected": {"architecture": {"neurons": 8}},
                "deep": {"architecture": DEEP},
            },
            **BESIDE,
        },
        "finals": {
            "speedrun": None,  # these two are large: test_recipes.py makes one step of them
            "resnet18": None,
            "fast": {
                "architecture": {"width": 0.05},
                "batch_size": 20,
                "epochs": 2,
                "optimizer": CALM,
            },
            "narrow": {
                "architecture": {"width": 0.04},
                "batch_size": 20,
                "epochs": 2,
                "optimizer": CALM,
            },
            "compact": {"architecture": {"width": 0.1}, "epochs": 2},
            "middle": {
                "architecture": {"width": 0.03},
                "batch_size": 20,
                "epochs": 2,
                "optimizer": CALM,
            },
            "accurate": {
                "architecture": {"width": 0.05},
                "batch_size": 20,
                "epochs": 2,
                "optimizer": CALM,
            },
        },
        "final_seeds": [1],
        "ablations": {"fast": {"all images whole": {"epochs": 2}}},
        "plain": {"filters": 2, "neurons": 8, "batch_size": 20, "epochs": 2, "seeds": [1]},
        "insight": {"finals": ["accurate"], "surface_images": 20, "images": 20},
    },
}


def make(folder: Path) -> None:
    (folder / OVERLAY).write_text(yaml.safe_dump(SMALLER), "utf-8")
    study = load_study([ROOT / "config.yaml", folder / OVERLAY])
    random = np.random.default_rng(0)
    provenance = {"source": "demo", "name": "demo shapes", "origin": None, "files": []}
    provenance |= {"official_pixels": None, "class_names": list(demo.CLASS_NAMES)}
    train, test = demo.images(TRAIN_IMAGES, random), demo.images(TEST_IMAGES, random)
    preparation.write(folder / "data", train, test, provenance)
    for run in study.runs:
        if not run.id.startswith("mechanism/range/"):
            kept = run.model_copy(update={"moments": tuple(range(20))})
            job.train(kept, folder, threads=1)
    for plain in study.network.plain_runs("cpu"):
        plain_job.train(plain, folder, threads=1)
    aggregate_bands(study.bands, folder)
    aggregate_probe(study.probe, folder)
    aggregate_network(study.network, folder)
    insight.collect(study.inspected, folder, "cpu", threads=1)


@pytest.fixture(scope="session")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "oracle", make)
