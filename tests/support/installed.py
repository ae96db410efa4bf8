"""The package as a user installs it: built, and put into a folder of its own with its command."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.artefacts import ROOT, made_once

BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "workflow")


def install(target: Path) -> None:
    """Install a copy of this checkout without its dependencies, which the tests already have."""
    source = target / "source"
    for part in BUILT_FROM:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        source.mkdir(exist_ok=True)
        copy(ROOT / part, source / part)
    uv = shutil.which("uv")
    tool = [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
    command = [*tool, "install", "--quiet", "--no-deps", "--no-build-isolation"]
    command += ["--python", sys.executable] if uv else []
    done = subprocess.run(
        [*command, "--target", str(target / "package"), str(source)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed package in it, and the command in `bin/landscape`."""
    return made_once(tmp_path_factory, "installed", install) / "package"
