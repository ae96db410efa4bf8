"""What two runs must have in common to be called equal, and how a run is started as a process."""

import hashlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pandas as pd
from filelock import FileLock

from landscape.errors import UserError
from landscape.storage import files

ROOT = Path(__file__).parents[2]


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every artefact of a run, without what says how long it took."""
    found = {}
    for name in ("steps.parquet", "model.safetensors", "probe.parquet"):
        if (folder / name).exists():
            found[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    epochs = pd.read_csv(folder / "epochs.csv").drop(columns="seconds").to_csv()
    run = json.loads((folder / "run.json").read_text("utf-8"))
    del run["seal"], run["files"]["epochs.csv"]  # both of content that says how long it took
    dated = {key for key in run if key.endswith("_seconds") or key == "finished"}
    kept = {key: value for key, value in run.items() if key not in dated}
    for name, text in {"epochs.csv": epochs, "run.json": json.dumps(kept, sort_keys=True)}.items():
        found[name] = hashlib.sha256(text.encode()).hexdigest()
    return found


def made_once(factory: Any, name: str, make: Callable[[Path], Any]) -> Path:
    """A folder that one process of this test session fills with `make`, for all to read."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, done = shared / name, shared / f"{name} is made"
    with FileLock(shared / f"{name}.lock"):
        if not done.exists():
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


def told(call: Callable[[], Any]) -> tuple[Any, str | None]:
    """What a call gives, or else what the user is told; any other exception is a failure."""
    try:
        return call(), None
    except UserError as error:
        return None, str(error)


def record_anew(path: Path) -> None:
    """Make a run's changed file the recorded one, so that only its content can be refused."""
    run = files.read_json(path.parent / "run.json")
    run["files"][path.name] = files.sha256_file(path)
    files.write_sealed_json(path.parent / "run.json", run)


def next_line(stream: IO[str], seconds: float = 300) -> str:
    """The next line that a process says; a failure where it says none in time.

    Of a stream of which no more than one line is waiting: a second one would lie in its buffer.
    """
    ready, _, _ = select.select([stream], [], [], seconds)
    assert ready, f"nothing was said in {seconds} s"
    return stream.readline()


def start(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.Popen[str]:
    """`python -m landscape …` as a process of its own, its output kept."""
    return subprocess.Popen(
        [sys.executable, "-m", "landscape", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT / "workflow"), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
