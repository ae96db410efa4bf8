"""Every command in the documentation is run, in bash and as it is written.

A command is known by its text: `COMMANDS` says how it is run, and one that it lacks is a failure.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import yaml
from PIL import Image
from snakemake.utils import update_config

from support.artefacts import ROOT
from support.documents import DOCUMENTS, blocks, commands, named_files

REAL = "run for real on a finished miniature"
PLANNED = "every Snakemake in it makes a dry run, by a profile"
PRINTED = "make prints what it would run"
COLLECTED = "pytest collects the tests and runs none"
PARSED = "bash checks the syntax: it installs packages from the network"

COMMANDS = {
    "make demo": PLANNED,
    "make test": PRINTED,
    "make lint": PRINTED,
    "make faults": PRINTED,
    "make cluster-test": PRINTED,
    "make bench": PLANNED,
    "make bench CONFIG=studies/small.yaml DATA=path/to/cifar10-parquet": PLANNED,
    "make study": PLANNED,
    "make study DATA=path/to/cifar10-parquet": PLANNED,
    "make study CONFIG=studies/laptop.yaml GPUS=2": PLANNED,
    "make study CONFIG=studies/small.yaml": PLANNED,
    "make recover": PLANNED,
    "make recover AGAIN=demo": PLANNED,
    "source .venv/bin/activate": REAL,
    "pip install --require-hashes -r envs/hashes.txt": PARSED,
    "pip install --no-deps -e .": PARSED,
    "snakemake": REAL,
    "snakemake --dry-run": REAL,
    "snakemake --dry-run --configfile studies/laptop.yaml": REAL,
    "snakemake --cores 4 --resources gpu=2 -- bands probe": REAL,
    "snakemake --report report.html": REAL,
    "snakemake --configfile studies/demo.yaml": PLANNED,
    "snakemake --unlock": REAL,
    "snakemake --configfile studies/demo.yaml rates.yaml"
    " -- bands results/rates/figures/loss_landscape.png": PLANNED,
    "snakemake --dry-run --configfile short.yaml": REAL,
    "snakemake --configfile studies/demo.yaml -- bands": PLANNED,
    "snakemake --configfile studies/demo.yaml -- figures": PLANNED,
    "snakemake --configfile studies/demo.yaml mish.yaml -- network": PLANNED,
    "snakemake --configfile studies/demo.yaml patches.yaml -- network": PLANNED,
    "snakemake --configfile studies/demo.yaml rms.yaml"
    " -- bands results/rms/figures/loss_landscape.png": PLANNED,
    "landscape --help": REAL,
    "landscape schema > config.schema.json": REAL,
    "landscape runs --config short.yaml": REAL,
    "landscape dataset --config studies/demo.yaml": REAL,
    "landscape train network/sweep/activation/mish/seed0"
    " --config studies/demo.yaml --config mish.yaml": REAL,
    "landscape train network/sweep/structure/patches/seed0"
    " --config studies/demo.yaml --config patches.yaml": REAL,
    "landscape train bands/vgg_a_bn/lr0.001/seed0 --config studies/demo.yaml": REAL,
    "landscape figure band_width": REAL,
    "landscape dataset": REAL,
    "landscape loaders --output samples.png": REAL,
    "landscape runs": REAL,
    "landscape train bands/vgg_a_bn/lr0.001/seed0": REAL,
    "landscape aggregate bands": REAL,
    "landscape figure loss_landscape": REAL,
    "landscape report": REAL,
    "landscape watch": REAL,
    "landscape watch --config studies/demo.yaml --once": REAL,
    "landscape watch --config studies/demo.yaml --config rates.yaml --once": REAL,
    "landscape evaluate results/network/final/fast/seed0": REAL,
    "landscape predict results/network/final/fast/seed0 cat.jpg": REAL,
    "python -m pytest -n 0 tests/unit/measure": COLLECTED,
    'python -m pytest -n 0 -k "cosine or beta" tests/unit/measure': COLLECTED,
}

BLOCKS = [block for document in DOCUMENTS for block in blocks(document)]
DIFFS = {block.heading: block.text for block in BLOCKS if block.language == "diff"}
# A command below a difference is meant for a project with that difference.
FOUND = sorted(
    {
        (block.heading if block.heading in DIFFS else "", command)
        for block in BLOCKS
        for command in commands(block)
    }
)


@pytest.fixture(scope="module")
def miniature(
    finished_networks: Path, installed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A finished project whose config.yaml is the tiny study, with all that commands ask for."""
    folder = tmp_path_factory.mktemp("documented") / "project"
    shutil.copytree(finished_networks, folder, symlinks=True)
    content = yaml.safe_load((folder / "config.yaml").read_text("utf-8"))
    update_config(content, yaml.safe_load((folder / "tiny.yaml").read_text("utf-8")))
    (folder / "config.yaml").write_text(yaml.safe_dump(content), "utf-8")
    for part in ("Makefile", "tests"):
        (folder / part).symlink_to(ROOT / part)
    (folder / "results/demo").mkdir()
    (folder / "results/demo/data").symlink_to(folder / "results/data")  # the same images
    environment = folder / ".venv"
    environment.mkdir()
    for part in ("bin", "lib", "pyvenv.cfg"):
        if (Path(sys.prefix) / part).exists():
            (environment / part).symlink_to(Path(sys.prefix) / part)
    (environment / ".ready").touch()
    for block in BLOCKS:
        for name, text in named_files(block).items():
            (folder / name).write_text(text, "utf-8")
    Image.new("RGB", (40, 60), "teal").save(folder / "cat.jpg")
    plan = folder / "plan"
    plan.mkdir()
    (plan / "profile.yaml").write_text("dry-run: true\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def changed(miniature: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The miniature with the difference below a heading applied, or as it is."""

    @cache
    def project(heading: str) -> Path:
        if not heading:
            return miniature
        folder = tmp_path_factory.mktemp("changed") / "project"
        shutil.copytree(miniature, folder, symlinks=True)
        done = subprocess.run(
            ["git", "apply", "-"],
            cwd=folder,
            env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)},
            input=DIFFS[heading],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{heading}: {done.stderr}"
        return folder

    return project


def environment(how: str, project: Path, installed: Path) -> dict[str, str]:
    paths = [installed / "bin", project / ".venv/bin"]
    given = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")},
        "PATH": os.pathsep.join([*map(str, paths), os.environ["PATH"]]),
        "PYTHONPATH": str(project / "workflow"),
        "EDITOR": "true",
        "OMP_NUM_THREADS": "1",
    }
    extra = {
        PLANNED: {"SNAKEMAKE_PROFILE": str(project / "plan")},
        PRINTED: {"MAKEFLAGS": "n"},
        COLLECTED: {"PYTEST_ADDOPTS": "--collect-only -q"},
    }
    return given | extra.get(how, {})


@pytest.mark.parametrize(("heading", "command"), FOUND)
def test_a_command_works_as_it_is_written(heading, command, changed, installed):
    how = COMMANDS.get(command)
    assert how is not None, f"{command}: say in COMMANDS how it is to be run"
    project = changed(heading)
    bash = ["bash", "-n", "-c", command] if how == PARSED else ["bash", "-c", command]
    done = subprocess.run(
        bash,
        cwd=project,
        env=environment(how, project, installed),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout
    if how == PLANNED:
        assert "dry-run" in done.stdout or "Nothing to be done" in done.stdout, done.stdout


def test_no_command_is_known_that_is_not_documented():
    assert set(COMMANDS) == {command for _, command in FOUND}


def test_a_file_that_a_command_needs_is_in_the_project():
    """Of commands that are only parsed."""
    for command in (name for name, how in COMMANDS.items() if how == PARSED):
        words = [word for word in command.split() if "/" in word]
        assert all((ROOT / word).exists() for word in words), command
