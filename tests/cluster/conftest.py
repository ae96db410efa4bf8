"""The Slurm that the tests share, and projects to run on it."""

import shutil
from collections.abc import Iterator

import pytest

from support.slurm import Slurm, lacking
from support.slurm_project import Project
from support.workflow import copy_project, tiny_study


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    reason = lacking()
    if reason:
        pytest.skip(reason)
    started = Slurm()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def study(slurm, tmp_path_factory) -> Iterator[Project]:
    """The whole tiny study."""
    project = Project(copy_project(tmp_path_factory.mktemp("study")), slurm, tiny_study())
    yield project
    project.end()


@pytest.fixture(scope="session")
def reference(slurm, tmp_path_factory) -> Project:
    """Two longer runs of a kind, done on this machine, without interruption."""
    project = Project(copy_project(tmp_path_factory.mktemp("reference")), slurm, Project.longer())
    project.locally(*project.targets())
    return project


@pytest.fixture
def project(reference, tmp_path) -> Iterator[Project]:
    """The same, to be done on Slurm: the images are there, the runs are not."""
    copy_project(tmp_path)
    shutil.copytree(reference.folder / "results" / "data", tmp_path / "results" / "data")
    project = Project(tmp_path, reference.slurm, Project.longer())
    yield project
    project.end()
