"""One run's status, read from its files."""

import csv
import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landscape.config.runs import PlainRun, Run
from landscape.provenance.up_to_date import is_done
from landscape.runtime.locks.run import is_in_work
from landscape.training.progress import FILE

# The most important first.
STATES = ("running", "interrupted", "diverged", "stale", "waiting", "done")
ENDED = ("done", "diverged")


@dataclass(frozen=True)
class RunStatus:
    """`seconds`: remaining for a running run, used by an ended one. `tested`: on test images."""

    run: str
    state: str
    step: int | None = None
    steps: int | None = None
    loss: float | None = None
    accuracy: float | None = None
    tested: bool = False
    seconds: float | None = None


def read_status(run: Run | PlainRun, results: Path) -> RunStatus:
    """Status from run.json, otherwise from the progress file.

    A finished run with other settings or code is stale: it will be trained again.
    """
    seen = status_of(run.id, results)
    ended = seen.state in ENDED
    return RunStatus(run.id, "stale") if ended and not is_done(run, results) else seen


def status_of(run_id: str, results: Path) -> RunStatus:
    """The content of a run's files; a half-written file counts as missing."""
    folder = results / run_id
    done = _read(folder / "run.json")
    if done:
        return _ended(run_id, folder, done)
    going = _read(folder / FILE)
    if going:
        here = going["host"] == platform.node()
        alive = is_in_work(results, run_id) or (here and _alive(going["pid"]))
        return RunStatus(
            run_id,
            "running" if alive else "interrupted",
            going["step"],
            going["steps"],
            going["loss"],
            seconds=going["seconds_left"] if alive else None,
        )
    return RunStatus(run_id, "waiting")


def _ended(run_id: str, folder: Path, done: dict[str, Any]) -> RunStatus:
    if done["status"] == "diverged":
        step, seconds = done["diverged_at_step"], done["total_seconds"]
        return RunStatus(run_id, "diverged", step, done["steps"], seconds=seconds)
    tested = done["test_accuracy"] is not None
    return RunStatus(
        run_id,
        "done",
        done["steps"],
        done["steps"],
        accuracy=done["test_accuracy"] if tested else _validation_accuracy(folder),
        tested=tested,
        seconds=done["total_seconds"],
    )


def _validation_accuracy(folder: Path) -> float | None:
    """After the last epoch; None without validation images."""
    try:
        with (folder / "epochs.csv").open(encoding="utf-8", newline="") as file:
            *_, last = csv.DictReader(file)
        return float(last["validation_accuracy"])
    except (OSError, ValueError, KeyError):
        return None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return content


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
