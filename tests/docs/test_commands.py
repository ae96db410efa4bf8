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
from support.sources import encode, parquet_folder, table, tiles
from support.workflow import copy_project

REAL = "for real, where a tiny study is config.yaml and is finished"
CLONED = "for real, in a project with the settings as they are and the demo's images"
PLANNED = "in such a project, where a profile makes every Snakemake a dry run"
PRINTED = "there, where make prints what it would run"
COLLECTED = "there, where pytest collects the tests and runs none"
PARSED = "there, where bash checks the syntax only: it needs a network, a GPU, Docker or Apptainer"

DEMO = "snakemake --cores 2 --resources gpu=2 --configfile studies/demo.yaml"
COMMANDS = {
    "make demo": PLANNED,
    "make study": PLANNED,
    "make study DATA=path/to/cifar10": PLANNED,
    "make study CONFIG=studies/laptop.yaml GPUS=2": PLANNED,
    "make study CONFIG=studies/small.yaml": PLANNED,
    "make recover": PLANNED,
    "make recover AGAIN=demo": PLANNED,
    "make adopt": PRINTED,
    "make adopt AGAIN=demo": PRINTED,
    "make release-results": PRINTED,
    "make figures FROM=release.tar.gz": PRINTED,
    "landscape release published --light && landscape verify published --steps 20": REAL,
    "landscape export tensorboard events": REAL,
    "landscape export json runs.jsonl": REAL,
    "landscape export model fast --run network/final/fast/seed0": REAL,
    "make image": PRINTED,
    'docker run --rm --gpus all --user "$(id -u)" --volume "$PWD/results:/study/results"'
    " landscape make demo": PARSED,
    "apptainer build landscape.sif docker-daemon:landscape:latest": PARSED,
    "snakemake --cores all --software-deployment-method apptainer": PARSED,
    "make bench": PLANNED,
    "make bench CONFIG=studies/small.yaml DATA=path/to/cifar10": PLANNED,
    "python3 scripts/gpu_session.py 540": PARSED,
    "make test": PRINTED,
    "make lint": PRINTED,
    "make protocols": PRINTED,
    "make faults": PRINTED,
    "make cluster-test": PRINTED,
    'make mutants MUTANTS="--sample 30 --seed first"': PRINTED,
    "make mutants MUTANTS=--report": PRINTED,
    "source .venv/bin/activate": CLONED,
    "pip install --require-hashes -r envs/hashes.txt": PARSED,
    "pip install --no-deps -e .": PARSED,
    "pip install -r envs/requirements.txt && pip install --no-deps -e .": PARSED,
    "$EDITOR profiles/slurm/profile.yaml": CLONED,
    "snakemake --cores all": REAL,
    "snakemake --cores 4 --resources gpu=2 -- bands probe": REAL,
    "snakemake --report report.html": REAL,
    "snakemake --unlock": REAL,
    "snakemake --dry-run": REAL,
    "snakemake --dry-run --configfile studies/laptop.yaml": CLONED,
    "snakemake --dry-run --configfile short.yaml": CLONED,
    "snakemake --workflow-profile profiles/slurm": PLANNED,
    "snakemake --cores 2 --resources gpu=2 --configfile config/studies/demo.yaml": PLANNED,
    DEMO: PLANNED,
    f"{DEMO} -- bands": PLANNED,
    f"{DEMO} -- figures": PLANNED,
    f"{DEMO} mish.yaml -- network": PLANNED,
    f"{DEMO} patches.yaml -- network": PLANNED,
    f"{DEMO} rms.yaml -- bands results/rms/figures/loss_landscape.png": PLANNED,
    f"{DEMO} rates.yaml -- bands results/rates/figures/loss_landscape.png": PLANNED,
    "landscape --help": REAL,
    "landscape dataset": REAL,
    "landscape show-batches": REAL,
    "landscape runs": REAL,
    "landscape train bands/vgg_a_bn/lr0.001/seed0": REAL,
    "landscape aggregate bands": REAL,
    "landscape figure loss_landscape": REAL,
    "landscape figure band_width": REAL,
    "landscape report": REAL,
    "landscape report-page": REAL,
    "landscape status": REAL,
    "landscape evaluate results/network/final/fast/seed0": REAL,
    "landscape predict results/network/final/fast/seed0 cat.jpg": REAL,
    "landscape schema > config.schema.json": CLONED,
    "landscape runs --config short.yaml": CLONED,
    "landscape dataset --config studies/demo.yaml": CLONED,
    "python make_arrays.py && landscape dataset --config arrays.yaml": CLONED,
    "landscape status --config studies/demo.yaml --once": CLONED,
    "landscape status --config studies/demo.yaml --config rates.yaml --once": CLONED,
    "landscape train bands/vgg_a_bn/lr0.002/seed0 --config studies/demo.yaml": CLONED,
    "landscape train network/sweep/activation/mish/seed0"
    " --config studies/demo.yaml --config mish.yaml": CLONED,
    "landscape train network/sweep/structure/patches/seed0"
    " --config studies/demo.yaml --config patches.yaml": CLONED,
    "python -m pytest -n 0 tests/protocols --write": COLLECTED,
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
def finished_project(finished_networks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished project in which the tiny study is config.yaml."""
    folder = tmp_path_factory.mktemp("documented") / "finished"
    shutil.copytree(finished_networks, folder, symlinks=True)
    content = yaml.safe_load((folder / "config.yaml").read_text("utf-8"))
    update_config(content, yaml.safe_load((folder / "tiny.yaml").read_text("utf-8")))
    (folder / "config.yaml").write_text(yaml.safe_dump(content), "utf-8")
    return _furnished(folder)


@pytest.fixture(scope="module")
def cloned_project(finished_networks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as it comes, but for the prepared images of the demo."""
    folder = copy_project(tmp_path_factory.mktemp("documented"))
    (folder / "results/demo").mkdir(parents=True)
    shutil.copytree(finished_networks / "results/data", folder / "results/demo/data")
    return _furnished(folder)


def _furnished(folder: Path) -> Path:
    """With an environment, and every file that a command names."""
    for part in ("Makefile", "pyproject.toml", "tests", "config"):
        if not (folder / part).exists():
            (folder / part).symlink_to(ROOT / part)
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
    parquet_folder(folder / "path/to/cifar10", table([encode(tile) for tile in tiles(0)]))
    (folder / "plan").mkdir()
    (folder / "plan/profile.yaml").write_text("dry-run: true\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def project_of(
    finished_project: Path, cloned_project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Path]:
    """The project that a command is run in, with the difference below its heading applied."""

    @cache
    def project(finished: bool, heading: str) -> Path:
        origin = finished_project if finished else cloned_project
        if not heading:
            return origin
        folder = tmp_path_factory.mktemp("changed") / "project"
        shutil.copytree(origin, folder, symlinks=True)
        done = subprocess.run(
            ["git", "apply", "-"],
            cwd=folder,
            env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)},
            input=DIFFS[heading],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"the difference of {heading!r}: {done.stderr}"
        return folder

    return lambda how, heading: project(how == REAL, heading)


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
def test_a_command_works_as_it_is_written(heading, command, project_of, installed):
    how = COMMANDS.get(command)
    assert how is not None, f"{command}: say in COMMANDS how it is to be run"
    project = project_of(how, heading)
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


def test_a_file_that_is_named_where_only_the_syntax_is_checked_exists():
    for command in (command for command, how in COMMANDS.items() if how == PARSED):
        named = (word for word in command.split() if "/" in word and "$" not in word)
        assert all((ROOT / word).exists() for word in named), command
