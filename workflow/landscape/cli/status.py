"""All runs of a study in one live table, which Snakemake itself does not show."""

import json
import os
import platform
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from landscape.config.runs import PlainRun, Run
from landscape.provenance.up_to_date import is_done
from landscape.runtime.locks.run import is_in_work
from landscape.training.progress import FILE, seconds_text

REFRESH_SECONDS = 1.0
FRAME = 9  # lines of the table that are not runs
URGENCY = ("running", "interrupted", "diverged", "waiting", "done")
STYLES = {"running": "cyan", "done": "green", "diverged": "magenta", "interrupted": "yellow"}


@dataclass(frozen=True)
class Status:
    """What the files of a run say about it: waiting, running, interrupted, done or diverged."""

    run: str
    state: str
    step: int | None = None
    steps: int | None = None
    loss: float | None = None
    rate: float | None = None
    seconds: float | None = None

    def cells(self) -> list[str]:
        style = STYLES.get(self.state, "dim")
        return [
            self.run,
            f"[{style}]{self.state}[/]",
            "" if self.step is None else f"{self.step}/{self.steps}",
            "" if self.loss is None else f"{self.loss:.4f}",
            "" if self.rate is None else f"{self.rate:.1f}",
            "" if self.seconds is None else seconds_text(self.seconds),
        ]


def status(run_id: str, results: Path) -> Status:
    """Read a run's run.json or else its progress file; a file half seen counts as not yet there."""
    done = _read(results / run_id / "run.json")
    if done:
        state = "done" if done["status"] == "completed" else "diverged"
        step = done["steps"] if state == "done" else done["diverged_at_step"]
        rate = step / done["train_seconds"] if done["train_seconds"] else None
        loss = done["test_loss"]
        return Status(run_id, state, step, done["steps"], loss, rate, done["total_seconds"])
    going = _read(results / run_id / FILE)
    if going:
        here = going["host"] == platform.node()
        alive = is_in_work(results, run_id) or (here and _alive(going["pid"]))
        return Status(
            run_id,
            "running" if alive else "interrupted",
            going["step"],
            going["steps"],
            going["loss"],
            going["steps_per_second"] if alive else None,
            going["seconds_left"] if alive else None,
        )
    return Status(run_id, "waiting")


def watch(runs: Sequence[Run | PlainRun], results: Path, once: bool) -> None:
    """Show the table until every run has ended, or once."""
    console = Console()
    if once or not console.is_terminal:
        console.print(_table(_statuses(runs, results)))
        return
    with Live(console=console, refresh_per_second=2) as live:
        while True:
            statuses = _statuses(runs, results)
            live.update(_table(statuses, rows=console.height - FRAME))
            if all(status.state in ("done", "diverged") for status in statuses):
                return
            time.sleep(REFRESH_SECONDS)


def _statuses(runs: Sequence[Run | PlainRun], results: Path) -> list[Status]:
    return [_status(run, results) for run in runs]


def _status(run: Run | PlainRun, results: Path) -> Status:
    """What a run of other settings or other code has left does not count."""
    seen = status(run.id, results)
    ended = seen.state in ("done", "diverged")
    return Status(run.id, "waiting") if ended and not is_done(run, results) else seen


def _table(statuses: Sequence[Status], rows: int | None = None) -> Table:
    """All runs, or the first `rows`: where not all fit, those that need a look come first."""
    counts = Counter(status.state for status in statuses)
    total = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    notes = "* of the last batch; when done, of the test images\n** left; when done, taken"
    table = Table(caption=f"{total}\n{notes}")
    table.add_column("run", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for column in ("step", "loss*", "steps/s", "time**"):
        table.add_column(column, justify="right", no_wrap=True)
    shown = list(statuses)
    if rows is not None and len(shown) > rows:
        shown = sorted(shown, key=lambda status: URGENCY.index(status.state))[: max(1, rows)]
    for row in shown:
        table.add_row(*row.cells())
    if len(shown) < len(statuses):
        table.add_row(f"… and {len(statuses) - len(shown)} more")
    return table


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
