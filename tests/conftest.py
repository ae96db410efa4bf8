"""Fixtures that several tests share: a small prepared dataset, and a small study on it."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from landscape.config.study import Study, validate_study
from landscape.data import preparation
from landscape.data.sources import demo
from landscape.training import job
from support.artefacts import ROOT
from support.installed import installed  # noqa: F401 (a fixture)
from support.mechanism import looked, mechanism_study  # noqa: F401 (fixtures)
from support.network_workflow import finished_networks  # noqa: F401 (a fixture)
from support.real import real_results  # noqa: F401 (a fixture)
from support.sources import server  # noqa: F401 (a fixture)
from support.tiny import PROBE, RUN, TEST_IMAGES, TRAIN_IMAGES
from support.workflow import finished, project  # noqa: F401 (fixtures)


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder that holds a prepared dataset of 200 + 50 demo images, and nothing else."""
    folder = tmp_path_factory.mktemp("results")
    random = np.random.default_rng(0)
    provenance = {
        "source": "demo",
        "name": "demo shapes",
        "origin": None,
        "official_pixels": None,
        "files": [],
        "class_names": list(demo.CLASS_NAMES),
    }
    train, test = demo.images(TRAIN_IMAGES, random), demo.images(TEST_IMAGES, random)
    preparation.write(folder / "data", train, test, provenance)
    return folder


@pytest.fixture(scope="session")
def tiny_content() -> dict:
    """config.yaml with a network, a schedule and data that take a second."""
    content = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))
    content["device"] = "cpu"
    content["data"] = {"source": "demo"}
    content["mechanism"] = content["network"] = None
    content["split"] = {"train_images": 130, "validation_images": 20}
    content["bands"] |= {"width": 0.05, "epochs": 2, "batch_size": 32, "seeds": [0]}
    content["bands"] |= {"same_batch_every_steps": 3}
    content["probe"] |= {"width": 0.05, "steps": 12, "batch_size": 32, "every": 5, "seeds": [0]}
    return content


@pytest.fixture(scope="session")
def tiny(tiny_content: dict) -> Study:
    return validate_study(tiny_content)


@pytest.fixture
def folder(results: Path, tmp_path: Path) -> Path:
    """A results folder of the test's own, with the shared dataset."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "data").symlink_to(results / "data")
    return tmp_path / "results"


@pytest.fixture(scope="session")
def undisturbed(results: Path, tmp_path_factory: pytest.TempPathFactory, tiny: Study) -> Path:
    """The files of a run of each study as they are when nothing goes wrong."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "data").symlink_to(results / "data")
    for run_id in (RUN, PROBE):
        job.train(tiny.run(run_id), folder, threads=1)
    return folder
