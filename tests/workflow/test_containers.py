"""The environment as a container, with stand-ins; `make image-test` builds the real one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.artefacts import ROOT
from support.workflow import bare_snakemake, copy_project

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
TINY = ("--cores", "2", "--configfile", "tiny.yaml")
APPTAINER = ("--software-deployment-method", "apptainer")
CONDA = """#!/bin/sh
case "$*" in
  "info --json") echo '{"conda_version": "26.1.0", "conda_prefix": "/opt/conda",
                        "platform": "linux-64"}' ;;
  *--version) echo "conda 26.1.0" ;;
  *) echo '{"get": {"channel_priority": "strict"}}' ;;
esac
"""
# Notes what it is told, and does the command here, with this Python as the image's.
APPTAINER_PROGRAM = """#!/bin/bash
[ "$1" = --version ] && { echo "apptainer version 1.3.6"; exit; }
echo "$*" >> asked.txt
while [ "$1" != landscape.sif ]; do shift; done
shift
PATH=%s:$PATH exec "$@"
"""


def stand_in(folder: Path, name: str, program: str) -> str:
    """A PATH on which a program of this name comes first."""
    (folder / "bin").mkdir()
    (folder / "bin" / name).write_text(program, "utf-8")
    (folder / "bin" / name).chmod(0o755)
    return f"{folder / 'bin'}:{os.environ['PATH']}"


def test_snakemake_writes_a_dockerfile_of_the_conda_environment(tmp_path):
    project = copy_project(tmp_path)
    path = stand_in(tmp_path, "conda", CONDA)
    done = bare_snakemake(project, "--containerize", *TINY, PATH=path)
    assert done.returncode == 0, done.stdout
    assert "\nCOPY envs/environment.yaml /conda-envs/" in done.stdout
    assert done.stdout.count("conda env create") == 1  # one environment, for every rule


def test_jobs_run_in_the_image_with_its_python(tmp_path):
    project = copy_project(tmp_path)
    path = stand_in(tmp_path, "apptainer", APPTAINER_PROGRAM % Path(sys.executable).parent)
    asked = (*TINY, *APPTAINER, "--", "results/data/SHA256SUMS")
    refused = bare_snakemake(project, *asked, PATH=path)
    assert refused.returncode == 1
    assert "landscape.sif: no such file; docs/running.md says how" in refused.stdout
    (project / "landscape.sif").touch()
    done = bare_snakemake(project, *asked, PATH=path)
    assert done.returncode == 0, done.stdout
    (command,) = (project / "asked.txt").read_text("utf-8").strip().split("\n")
    assert f"PYTHONPATH={project}/workflow python -m landscape dataset" in command


def test_the_image_for_a_cpu_leaves_out_what_only_cuda_needs():
    program = re.search(r"awk '([^']+)'", DOCKERFILE)[1]
    command = ["awk", program, ROOT / "envs/hashes.txt"]
    kept = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    names, all_names = (
        set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE))
        for text in (kept, (ROOT / "envs/hashes.txt").read_text("utf-8"))
    )
    left_out = all_names - names
    assert {"torch", "torchvision", "triton", "nvidia-cudnn-cu13"} <= left_out
    assert all(re.match("(torch|torchvision|triton)$|nvidia-|cuda-", name) for name in left_out)
    assert kept.count("==") <= kept.count("--hash=sha256:")
    wheels = (ROOT / "envs/constraints.txt").read_text("utf-8")
    assert {line.partition("==")[0] for line in wheels.split()} == {"torch", "torchvision"}


@pytest.mark.parametrize("line", re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE))
def test_what_the_image_copies_exists(line):
    *sources, _ = line.split()
    assert all((ROOT / source).exists() for source in sources)
