"""Returning a Slurm job to the queue when its time ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

STOPPED = 128 + signal.SIGTERM


@contextmanager
def requeued() -> Iterator[None]:
    """If SIGTERM ends the block, with its state saved, Slurm starts the job again later.

    SIGTERM is Slurm's warning before the time limit (`--signal=TERM@…`). To Slurm, a cancelled job
    is no longer running, so it stays out of the queue.
    """
    try:
        yield
    except SystemExit as stop:
        job = os.environ.get("SLURM_JOB_ID")
        if stop.code == STOPPED and job and _is_running(job):
            print(f"Slurm job {job} goes back into the queue", file=sys.stderr, flush=True)
            subprocess.run(["scontrol", "requeue", job], check=False)
        raise


def _is_running(job: str) -> bool:
    asked = ["squeue", "--noheader", "--format=%T", f"--jobs={job}"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    return answer.stdout.strip() == "RUNNING"
