"""The workflow in miniature: a copy of the project, and Snakemake run in it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
import yaml

from support.artefacts import ROOT, made_once
from support.forked_snakemake import forked_snakemake

PARTS = ("Snakefile", "config.yaml", "README.md", "workflow", "profiles", "studies", "envs")
PARTS += ("pyproject.toml", "CITATION.cff")


OF_THE_TINY_STUDY = ("--cores", "2", "--resources", "gpu=2", "--configfile", "tiny.yaml")
RUNS = 6  # of the tiny study: 2 architectures × 2 learning rates, and 2 probes


def tiny_study(**changes):
    study = {
        "data": {"source": "demo"},
        "split": {"train_images": 200, "validation_images": 20},
        "device": "cpu",
        "mechanism": None,
        "network": None,
        "bands": {
            "width": 0.05,
            "epochs": 2,
            "batch_size": 32,
            "learning_rates": [0.001, 0.002],
            "seeds": [0],
        },
        "probe": {"width": 0.05, "steps": 12, "batch_size": 32, "every": 4, "seeds": [0]},
    }
    for section, values in changes.items():
        study[section] = (
            {**(study.get(section) or {}), **values} if isinstance(values, dict) else values
        )
    return study


def copy_project(folder: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=ignored)
        elif source.exists():
            shutil.copy2(source, folder / part)
    (folder / "tiny.yaml").write_text(yaml.safe_dump(tiny_study()), "utf-8")
    return folder


def bare_snakemake(folder: Path, *arguments: str, **environment: str):
    """Snakemake with these arguments and no others, its output kept."""
    code, output = forked_snakemake(folder, arguments, {**_environment(), **environment})
    return subprocess.CompletedProcess(["snakemake", *arguments], code, output)


def start_snakemake(
    project: Path, *arguments: str, output: IO[str] | int = subprocess.PIPE, **environment: str
) -> subprocess.Popen[str]:
    """A process of its own that makes targets of the project's tiny study."""
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", *arguments, *OF_THE_TINY_STUDY],
        cwd=project,
        env={**_environment(), **environment},
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that it can be killed with all its jobs, and nothing else
    )


def snakemake(project: Path, *arguments: str, check: bool = True, **environment: str):
    """Make targets of the project's tiny study."""
    done = bare_snakemake(project, *arguments, *OF_THE_TINY_STUDY, **environment)
    if check:
        assert done.returncode == 0, done.stdout
    return done


def planned(project: Path, *arguments: str, check: bool = True):
    """A dry run of the project's tiny study."""
    return snakemake(project, "--dry-run", *arguments, check=check)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def stale(project: Path, *arguments: str) -> dict[str, int]:
    """How many jobs of each rule a dry run would do."""
    text = planned(project, *arguments).stdout
    if "Nothing to be done" in text:
        return {}
    table = re.search(r"Job stats:\njob +count\n[- ]+\n((?:\w+ +\d+\n)+)", text)
    assert table, text
    jobs = {name: int(count) for name, count in re.findall(r"(\w+) +(\d+)", table[1])}
    return {name: count for name, count in jobs.items() if name not in ("total", "all")}


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A project in a folder with a space and an accent in its name, its tiny study run once."""

    def make(folder: Path) -> None:
        environment = {"LC_ALL": "C", "TZ": "Pacific/Kiritimati", "OMP_NUM_THREADS": "1"}
        snakemake(copy_project(folder), **environment)

    return made_once(tmp_path_factory, "a study of é", make)


@pytest.fixture
def project(finished, tmp_path):
    """A copy of the finished project, records of Snakemake included, to be changed."""
    shutil.copytree(finished, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def configure(project: Path, **changes) -> None:
    (project / "tiny.yaml").write_text(yaml.safe_dump(tiny_study(**changes)), "utf-8")
