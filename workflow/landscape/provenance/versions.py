"""Versions of the libraries, and the commit of the code, that made a result."""

import platform
import subprocess
from pathlib import Path

import numpy as np
import torch


def versions() -> dict[str, str | None]:
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "cuda": torch.version.cuda if torch.cuda.is_available() else None,
        "platform": platform.platform(),
    }


def git_commit() -> str | None:
    """The code's commit, with '+' if files differ from it; None without git."""
    here = Path(__file__).parents[1]
    commands = (["git", "rev-parse", "HEAD"], ["git", "status", "--porcelain", "--", "."])
    try:
        commit, changes = (
            subprocess.run(command, cwd=here, capture_output=True, text=True, check=True).stdout
            for command in commands
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit.strip() + ("+" if changes.strip() else "")
