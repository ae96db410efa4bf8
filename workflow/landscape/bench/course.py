"""One seed of `bands` as training jobs, one process each; only on request or on a GPU."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from landscape.config.runs import Run
from landscape.config.study import Study


def course(study: Study, results: Path, parallel: int) -> dict[str, float]:
    """Seconds of the first seed of `bands`, `parallel` runs at a time, and of one run of `probe`.

    Start-up, evaluation and saving are included. The folder is temporary.
    """
    assert study.bands is not None
    seed = study.bands.seeds[0]
    bands = [run for run in study.runs if run.study == "bands" and run.seed == seed]
    probe = next(run for run in study.runs if run.study == "probe")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").symlink_to((results / "data").resolve())
        return {
            "runs": len(bands),
            "parallel": parallel,
            "bands_seconds": _train(bands, folder, parallel),
            "probe_seconds": _train([probe], folder, 1),
        }


def _train(runs: Sequence[Run], folder: Path, parallel: int) -> float:
    started, waiting = time.perf_counter(), list(runs)
    working: list[subprocess.Popen[bytes]] = []
    while waiting or working:
        while waiting and len(working) < parallel:
            working.append(_start(waiting.pop(0), folder, parallel))
        done = working.pop(0)  # the oldest: they take about the same time
        if done.wait():
            raise RuntimeError(f"a run failed: {done.args!r}")
    return time.perf_counter() - started


def _start(run: Run, folder: Path, parallel: int) -> subprocess.Popen[bytes]:
    """A training job with a share of the GPU, of which the benchmark holds another share."""
    command = [sys.executable, "-m", "landscape", "train", run.id, "--results", str(folder)]
    command += ["--parallel", str(parallel + 1)]
    return subprocess.Popen([*command, "--settings", run.model_dump_json()])
