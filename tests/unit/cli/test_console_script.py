"""The command `landscape` as an installer makes it, and what the package says of itself."""

import os
import re
import subprocess
import tomllib
from importlib.metadata import PathDistribution
from pathlib import Path

import yaml

from support.artefacts import ROOT


def landscape(installed: Path, *arguments: str, cwd: Path = ROOT):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [str(installed / "bin/landscape"), *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def test_the_command_runs_a_stage(installed):
    done = landscape(installed, "runs")
    assert (done.returncode, done.stderr) == (0, "")
    assert "bands/vgg_a_bn/lr0.001/seed0" in done.stdout.splitlines()


def test_the_command_passes_on_how_a_stage_ended(installed, tmp_path):
    """Without a config.yaml a stage fails; a shell must see that."""
    done = landscape(installed, "runs", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: config.yaml")
    assert landscape(installed, "no-such-stage").returncode == 2


def test_everything_that_is_not_python_is_installed_too(installed):
    package = ROOT / "workflow/landscape"
    data = {
        str(path.relative_to(package))
        for path in package.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert {"report/typst/report.typ", "report/page/static/page.js"} <= data
    assert {name for name in data if not (installed / "landscape" / name).is_file()} == set()


def test_the_metadata_says_what_the_files_say(installed):
    (folder,) = installed.glob("landscape-*.dist-info")
    metadata = PathDistribution(folder).metadata
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert metadata["License-Expression"] == citation["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("MIT License")
    assert (folder / "licenses/LICENSE").is_file()
    assert metadata["Version"] == citation["version"] == version
    assert version in re.findall(r"^## \[(.+?)\]", changes, re.MULTILINE)
