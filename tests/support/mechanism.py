"""A mechanism study that takes seconds: trained, looked at, and made into tables."""

from pathlib import Path

import pytest

from landscape.config.study import Study, validate_study
from landscape.insight import mechanism as looking
from landscape.tables.mechanism import aggregate_mechanism
from landscape.training import job

TINY = {
    "networks": {"vgg_a": [0], "vgg_a_bn": [0]},
    "width": 0.05,
    "learning_rate": 0.1,
    "slower": {"learning_rate": 0.02, "networks": {"vgg_a": [0]}},
    "batch_size": 16,
    "steps": 10,
    "curvature_images": 10,
    "noise_batches": 2,
    "in_depth": {"networks": ["vgg_a_bn"], "probes": 2, "steps": 4},
    "range": {
        "learning_rates": [0.1, 1000.0],
        "networks": {"vgg_a": [0], "vgg_a_bn": [0]},
        "steps": 3,
    },
}


@pytest.fixture(scope="session")
def mechanism_study(tiny_content: dict) -> Study:
    return validate_study({**tiny_content, "mechanism": TINY})


@pytest.fixture(scope="session")
def looked(mechanism_study: Study, results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of `mechanism_study`."""
    folder = tmp_path_factory.mktemp("mechanism")
    (folder / "data").symlink_to(results / "data")
    for run in mechanism_study.runs:
        if run.study == "mechanism":
            job.train(run, folder, threads=1)
    for run_id in mechanism_study.mechanism.path_ids:
        looking.collect(mechanism_study.look(run_id), folder, threads=1)
    aggregate_mechanism(mechanism_study.mechanism, folder)
    return folder
