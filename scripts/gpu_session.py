#!/usr/bin/env python3
"""All GPU measurements that fit into a few minutes, without a network connection.

    python3 scripts/gpu_session.py 540 --data path/to/cifar10

runs the tests that need a GPU, then the parts of `landscape bench`, the most valuable first: the
timed runs of `speedrun` and `fast`, later one seed of `bands` as its jobs. Each result is written
at once. What does not fit into the given seconds is stopped or left out. The next call resumes with
it; a new folder starts from the beginning. Without --data the images are the demo's: times are the
same, accuracies mean nothing.

results/gpu/session.json         every step: how it ended, and its seconds
results/gpu/session/STEP.log     its output
results/gpu/bench/parts.json     the measured parts; bench.json once it is complete
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("sprints", "speed", "sharing", "course", "ceilings", "startup", "growth", "looking")
PARTS += ("help_seconds", "dry_runs", "stale_figure")
LARGEST_SHARE = 0.4  # of the limit that one step may use
GRACE_SECONDS = 5.0  # between SIGTERM and SIGKILL

Step = tuple[str, list[str]]


def main() -> int:
    arguments = _arguments()
    results: Path = arguments.results.resolve()
    done = session(list(steps(results, arguments.data, arguments.config)), results, arguments.limit)
    for name, step in done.items():
        print(f"{name}: {step['ended']}, {step['seconds']:.0f} s")
    print(f"wrote {results / 'session.json'}")
    return int(any(step["ended"].startswith("failed") for step in done.values()))


def steps(results: Path, data: Path | None, config: list[Path]) -> Iterator[Step]:
    """The session's processes by name, the most valuable first."""
    overlay = results / "images.json"
    source = {"source": "parquet", "path": str(data.resolve())} if data else {"source": "demo"}
    overlay.parent.mkdir(parents=True, exist_ok=True)
    overlay.write_text(json.dumps({"data": source}), "utf-8")
    options = ["--results", str(results), "--config", str(overlay)]
    for file in config:
        options += ["--config", str(file.resolve())]
    stage = [sys.executable, "-m", "landscape"]
    if not (results / "data/dataset.json").exists():
        yield "images", [*stage, "dataset", *options]
    pytest = [sys.executable, "-m", "pytest", "--noconftest", "-q", "-p", "no:cacheprovider"]
    pytest += ["-o", "addopts=--import-mode=importlib", "tests/cuda/test_on_a_card.py"]
    yield "tests", pytest
    few = ["--rounds", "3", "--seconds", "0.5"]
    for part in PARTS:
        yield part, [*stage, "bench", *options, *few, "--parts", part]


def session(todo: list[Step], results: Path, limit: float) -> dict[str, dict[str, Any]]:
    """Run the steps that no earlier session has done, until `limit` seconds have passed."""
    deadline = time.monotonic() + limit - GRACE_SECONDS
    file = results / "session.json"
    done: dict[str, dict[str, Any]] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    for name, command in todo:
        if done.get(name, {}).get("ended") == "well":
            continue
        seconds = min(deadline - time.monotonic(), LARGEST_SHARE * limit)
        if seconds <= 0:
            done[name] = {"ended": "left out: no time", "seconds": 0.0}
        else:
            print(f"{name}, at most {seconds:.0f} s", flush=True)
            done[name] = _run(command, results / "session" / f"{name}.log", seconds)
        _write(file, done)
    return done


def _run(command: list[str], log: Path, seconds: float) -> dict[str, Any]:
    """The command in a process group of its own, all of which is stopped when its time is over."""
    log.parent.mkdir(parents=True, exist_ok=True)
    paths = [str(ROOT / "workflow"), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    started = time.monotonic()
    with log.open("wb") as said:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(seconds)
            ended = "well" if code == 0 else f"failed with exit code {code}"
        except subprocess.TimeoutExpired:
            _stop(process)
            ended = "stopped: no time"
    return {"ended": ended, "seconds": round(time.monotonic() - started, 1)}


def _stop(process: "subprocess.Popen[bytes]") -> None:
    for sent in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sent)
            process.wait(GRACE_SECONDS / 2)
        except (subprocess.TimeoutExpired, ProcessLookupError):
            continue


def _write(file: Path, content: dict[str, Any]) -> None:
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    temporary.replace(file)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("limit", type=float, help="seconds that all may take")
    parser.add_argument("--data", type=Path, help="a copy of CIFAR-10 (default: the demo's images)")
    parser.add_argument("--results", type=Path, default=ROOT / "results/gpu")
    parser.add_argument(
        "--config", type=Path, action="append", default=[], help="settings laid over config.yaml"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
