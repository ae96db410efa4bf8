"""Inside a Slurm job: back into the queue when its time ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

STOPPED = 128 + signal.SIGTERM


@contextmanager
def requeued() -> Iterator[None]:
    """A block that ends because SIGTERM came, its state saved, is run again by Slurm, later.

    That is Slurm's warning before the time limit (`--signal=TERM@…`). A job that was cancelled is
    no longer running in Slurm's eyes and stays out of the queue.
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
