"""Progress of a run: a bar on a terminal, plain lines in a log, and a file that `status` reads."""

import json
import os
import platform
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

FILE = "progress.json"
FILE_SECONDS = 1.0
LINE_SECONDS = 10.0


def seconds_text(seconds: float) -> str:
    """3725 → '1:02:05'."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


class Progress:
    """Shows one run while it trains, and removes its file when the run is done."""

    def __init__(self, name: str, folder: Path, steps: int, first_step: int):
        self.name, self.path, self.steps, self.first = name, folder / FILE, steps, first_step
        self.started = time.monotonic()
        self._written = self._printed = float("-inf")
        console = Console(stderr=True)
        self._bar: Bar | None = None
        if console.is_terminal:
            columns = (
                TextColumn(name),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[text]}"),
            )
            self._bar = Bar(*columns, console=console)
            self._task = self._bar.add_task(name, total=steps, completed=first_step, text="")

    def __enter__(self) -> "Progress":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()
        if kind is None:
            self.path.unlink(missing_ok=True)

    def due(self, step: int) -> bool:
        """Whether it is time to read the loss from the device and report."""
        return step == self.steps or time.monotonic() - self._written >= FILE_SECONDS

    def report(self, step: int, loss: float) -> None:
        now = time.monotonic()
        rate = (step - self.first) / max(now - self.started, 1e-9)
        left = (self.steps - step) / rate if rate else float("nan")
        self._write(step, loss, rate, left)
        self._written = now
        text = f"loss {loss:.4f}  {rate:.1f} steps/s  {seconds_text(left) if rate else '?'} left"
        if self._bar:
            self._bar.update(self._task, completed=step, text=text)
        elif now - self._printed >= LINE_SECONDS or step == self.steps:
            self._printed = now
            print(f"{self.name}: step {step}/{self.steps}  {text}", file=sys.stderr, flush=True)

    def _write(self, step: int, loss: float, rate: float, left: float) -> None:
        """Not fsynced, and skipped if the disk is full: it is only a display, and the next comes in
        a second. The next save of the state reports what is wrong with the folder.
        """
        content = {
            "step": step,
            "steps": self.steps,
            "loss": loss,
            "steps_per_second": rate,
            "seconds_left": left,
            "pid": os.getpid(),
            "host": platform.node(),
            "time": time.time(),
        }
        temporary = self.path.with_suffix(".tmp")
        with suppress(OSError):
            temporary.write_text(json.dumps(content), "utf-8")
            temporary.replace(self.path)
