"""A lock with which only one process at a time trains a run, on any machine."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from landscape.errors import UserError
from landscape.runtime.locks.files import POLL_SECONDS, Locks, acquired, say, sign, signature

FOLDER = ".locks"  # in the results folder
LOCKLESS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # errors of file systems without locks


@contextmanager
def lock_run(results: Path, run_id: str) -> Iterator[bool]:
    """Inside the block no other process, on any machine, works on this run.

    This waits for a process that does, for example one whose Snakemake has ended; the value says
    whether there was one. Without file locks it does not wait.
    """
    try:
        lock, waited = _taken(Locks(results), run_id)
    except OSError as error:
        if error.errno not in LOCKLESS:
            raise UserError(f"{results}: cannot be written to ({error.strerror})") from None
        yield False
        return
    try:
        yield waited
    finally:
        lock.release()


def is_in_work(results: Path, run_id: str) -> bool:
    """Whether a process, on any machine, works on this run."""
    path = results / FOLDER / "runs" / _file(run_id)
    try:
        return path.exists() and not Locks(results).is_free(path)
    except OSError:
        return False


def _taken(locks: Locks, run_id: str) -> tuple[FileLock, bool]:
    path = locks.folder(FOLDER, "runs") / _file(run_id)
    lock = locks.lock(path)
    waited = not acquired(lock)
    if waited:
        say(f"{run_id}: waiting for the process that trains it, {signature(path)}")
        lock.acquire(poll_interval=POLL_SECONDS)
    sign(lock, run_id)
    return lock, waited


def _file(run_id: str) -> str:
    return f"{run_id.replace('/', '_')}.lock"
