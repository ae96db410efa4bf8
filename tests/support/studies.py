"""Whole studies that are killed: what two results folders must have in common, and the killing."""

import hashlib
import signal
from contextlib import suppress
from pathlib import Path

import psutil

from support.artefacts import digests

# With seconds in them, which no two studies share.
TIMED = ("training_curves", "frontier_cost", "report", "runs.csv", "epochs.csv")


def artefacts(results: Path) -> dict[str, str]:
    """SHA-256 of everything that a study makes, without what says how long it took."""
    found = {}
    for run in sorted(results.glob("*/**/run.json")):
        name = str(run.parent.relative_to(results))
        found |= {f"{name}/{file}": digest for file, digest in digests(run.parent).items()}
    for path in sorted(results.glob("*/*")):
        if path.is_file() and not path.name.startswith(TIMED) and path.parent.name in MADE:
            found[str(path.relative_to(results))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


MADE = ("data", "bands", "probe", "network", "figures")


def group(process: psutil.Process) -> list[psutil.Process]:
    """A process and everything below it."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def at_work(project: Path) -> list[psutil.Process]:
    """Every process whose working folder is the project, whoever its parent is by now."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cwd() == str(project):
                found.append(process)
    return found


def kill(processes: list[psutil.Process], number: int = signal.SIGKILL) -> int:
    """Send the signal to each of these; returns how many were there to get it."""
    reached = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # psutil sees to it that the number is still its own
            process.send_signal(number)
            reached += 1
    return reached


def is_training(process: psutil.Process) -> bool:
    try:
        return process.cmdline()[1:4] == ["-m", "landscape", "train"]
    except psutil.Error:
        return False


def leftovers(results: Path) -> list[str]:
    """Files of writers that were killed, under names that nobody reads."""
    endings = (".tmp", ".part", ".state", ".prev")
    return [str(p.relative_to(results)) for p in results.rglob("*") if p.name.endswith(endings)]
