"""Lock files: locked, signed by their holder, and read for messages to those who wait."""

import json
import os
import platform
import sys
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

POLL_SECONDS = 0.2
JOB = "SLURM_JOB_ID"


class Locks:
    """Lock files in a folder, open to everyone who may write to that folder."""

    def __init__(self, root: Path):
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.mode = root.stat().st_mode

    def folder(self, *names: str) -> Path:
        path = self.root
        for name in names:
            path = path / name
            with suppress(FileExistsError):
                path.mkdir()
                path.chmod(self.mode & 0o2777)
        return path

    def lock(self, path: Path) -> FileLock:
        # Without kernel locks the library falls back to a plain file, which would survive a kill.
        return FileLock(path, mode=self.mode & 0o666 | 0o600, fallback_to_soft=False)

    def is_free(self, path: Path) -> bool:
        lock = self.lock(path)
        if not acquired(lock):
            return False
        lock.release()
        return True


def acquired(lock: FileLock) -> bool:
    """Try to lock; whether it succeeded."""
    try:
        lock.acquire(blocking=False)
    except TimeoutError:
        return False
    return True


def sign(lock: FileLock, holder: str) -> None:
    """Write into a lock's file who holds it."""
    content = {
        "holder": holder,
        "pid": os.getpid(),
        "host": platform.node(),
        "job": os.environ.get(JOB),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
    Path(lock.lock_file).write_text(json.dumps(content), "utf-8")


def signature(path: Path) -> str:
    """Who signed a lock file, in words."""
    try:
        content = json.loads(path.read_text("utf-8"))
        job = f", Slurm job {content['job']}" if content["job"] else ""
        process = f"process {content['pid']} on {content['host']}{job}"
        return f"{content['holder']} ({process}) since {content['since']}"
    except (OSError, ValueError, KeyError):
        return "another process"  # it is just signing


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
