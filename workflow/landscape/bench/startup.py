"""The time that a training job needs before its first step, by part, in its own process."""

import json
import subprocess
import sys
import time
from pathlib import Path

from landscape.config.runs import Run
from landscape.errors import UserError

CHILD = """
import json, sys, time
from pathlib import Path
marks = {"interpreter": time.time()}
def mark(name): marks[name] = time.time()
import torch
mark("import torch")
from landscape.runtime import device
from landscape.training import job
from landscape.config.runs import Run
mark("import landscape")
run = Run.model_validate_json(sys.argv[1])
where = device.resolve(run.device)
device.prepare(where, run.precision, None)
torch.zeros(1, device=where)
mark("device")
session = job.Job(run, Path(sys.argv[2]), where)
mark("data and network")
steps = 0
def enough():
    global steps
    steps += 1
    if steps == 1: session.recorder.last_loss(); mark("first step")
    return steps < 6
session.walk(enough)
session.recorder.last_loss()
mark("five more steps, with their capture")
print(json.dumps(marks))
"""


def before_the_first_step(run: Run, results: Path) -> dict[str, float]:
    """Seconds of each part of a job's start, in order."""
    started = time.time()
    command = [sys.executable, "-c", CHILD, run.model_dump_json(), str(results)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise UserError(f"bench: the start of {run.id} failed: {last}")
    marks: dict[str, float] = json.loads(done.stdout)
    times = [started, *marks.values()]
    return {name: b - a for name, a, b in zip(marks, times, times[1:], strict=False)}


def help_seconds(repeats: int = 5) -> float:
    """The best time of `python -m landscape --help`."""
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "landscape", "--help"], capture_output=True, check=True
        )
        taken.append(time.perf_counter() - started)
    return min(taken)
