"""Who may use what: a GPU for every training job of one machine, and a run for one job only.

Snakemake counts GPUs, here they are handed out. A card, a share of one, or a run is a locked file
below the results folder. The kernel frees the lock when its holder ends, however it ends, so that a
kill leaves nothing behind. Who waits for a GPU holds a numbered ticket, a locked file too; the
lowest one that is alive is served next.
"""

import errno
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from landscape.errors import UserError

FOLDER = ".locks"  # below the results folder
VISIBLE = "CUDA_VISIBLE_DEVICES"
JOB = "SLURM_JOB_ID"
POLL_SECONDS = 0.2
LOCKLESS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # answers of file systems without locks


def cards() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; torch is not asked.

    None inside a Slurm job that has been given one: there the scheduler has handed them out.
    """
    if JOB in os.environ:
        given = visible(os.environ.get(VISIBLE, ""))
        return given if len(given) > 1 else []
    if VISIBLE in os.environ:
        return visible(os.environ[VISIBLE])
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return installed(listed.stdout)


def visible(text: str) -> list[str]:
    """The names in CUDA_VISIBLE_DEVICES. An impossible one ends the list."""
    names: list[str] = []
    for name in (part.strip() for part in text.split(",")):
        if not name or name == "-1":
            break
        names.append(name)
    return names


def installed(listed: str) -> list[str]:
    """The names in what `nvidia-smi -L` prints; a card cut into MIG devices counts as these."""
    found: list[list[str]] = []
    for line in listed.splitlines():
        name = line.rpartition("(UUID: ")[2].rstrip(")")
        if line.startswith("GPU "):
            found.append([name])
        elif line.strip().startswith("MIG "):
            found[-1].append(name)
    return [name for card, *parts in found for name in parts or [card]]


@contextmanager
def gpu(
    results: Path, holder: str, places: int = 1, among: Sequence[str] | None = None
) -> Iterator[None]:
    """Inside the block CUDA_VISIBLE_DEVICES names one card, or a share of it, held by nobody else.

    holder: who this is, for others that wait. places: jobs that run side by side on this machine;
    where they outnumber the cards, a card is shared by as many as that takes. among: the cards, if
    not all that this process may use. Without cards nothing happens. To be entered before torch
    looks for a GPU.
    """
    names = cards() if among is None else among
    if not names:
        yield
        return
    try:
        card, share = Counter(Locks(results), names, -(-places // len(names))).wait(holder)
    except OSError as error:
        raise UserError(
            f"{results}: no file locks there, by which the GPUs of a machine are handed out "
            f"({error.strerror}); take another folder, or set {VISIBLE} and run one job at a time"
        ) from None
    before = os.environ.get(VISIBLE)
    os.environ[VISIBLE] = card
    try:
        yield
    finally:
        share.release()
        os.environ.pop(VISIBLE)
        if before is not None:
            os.environ[VISIBLE] = before


@contextmanager
def run(results: Path, run_id: str) -> Iterator[bool]:
    """Inside the block no other process, on whatever machine, works on this run.

    One that does (it outlived the Snakemake that had started it) is waited for; the value says
    whether there was one. Where the file system has no locks, nothing is waited for.
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
    """Whether a process, on whatever machine, works on this run."""
    path = results / FOLDER / "runs" / _file(run_id)
    try:
        return path.exists() and not Locks(results).is_free(path)
    except OSError:
        return False


def _taken(locks: "Locks", run_id: str) -> tuple[FileLock, bool]:
    path = locks.folder("runs") / _file(run_id)
    lock = locks.lock(path)
    waited = not acquired(lock)
    if waited:
        say(f"{run_id}: waits for the process that works on it, {signature(path)}")
        lock.acquire(poll_interval=POLL_SECONDS)
    sign(lock, run_id)
    return lock, waited


def _file(run_id: str) -> str:
    return f"{run_id.replace('/', '_')}.lock"


class Locks:
    """Lock files below a results folder, open to everyone who may write to that folder."""

    def __init__(self, results: Path):
        self.results = results
        results.mkdir(parents=True, exist_ok=True)
        self.mode = results.stat().st_mode

    def folder(self, *names: str) -> Path:
        path = self.results
        for name in (FOLDER, *names):
            path = path / name
            with suppress(FileExistsError):
                path.mkdir()
                path.chmod(self.mode & 0o2777)
        return path

    def lock(self, path: Path) -> FileLock:
        # The library's stand-in where there are no locks is a mere file: it would outlive a kill.
        return FileLock(path, mode=self.mode & 0o666 | 0o600, fallback_to_soft=False)

    def is_free(self, path: Path) -> bool:
        lock = self.lock(path)
        if not acquired(lock):
            return False
        lock.release()
        return True


class Counter:
    """Where tickets are drawn and shares of cards are handed out, first come, first served."""

    def __init__(self, locks: Locks, names: Sequence[str], shares: int):
        self.locks = locks
        # Slurm numbers the cards of each of its jobs from 0 on.
        among = "-job".join(filter(None, [platform.node(), os.environ.get(JOB)]))
        self.tickets = locks.folder(among, "waiting")
        folder = self.tickets.parent
        self.order = locks.lock(folder / "order.lock")  # held to look through the files, no longer
        # All cards once before any card twice, so that sharing starts only where it must.
        self.places = [
            (name, folder / f"{name.replace('/', '_')}.{k}.lock")
            for k in range(shares)
            for name in names
        ]

    def wait(self, holder: str) -> tuple[str, FileLock]:
        """The card that this process now has a share of, and the lock that is the share."""
        ticket = self._ticket(holder)
        told = False
        while (served := self._serve(ticket, holder)) is None:
            if not told:
                say(f"{holder}: waits for a GPU. {self.holders()}")
                told = True
            time.sleep(POLL_SECONDS)
        if told:
            say(f"{holder}: has GPU {served[0]}")
        return served

    def _ticket(self, holder: str) -> FileLock:
        with self.order:
            last = max((int(path.name) for path in self.tickets.iterdir()), default=0)
            number = max(last + 1, time.time_ns())  # whatever becomes of the clock
            ticket = self.locks.lock(self.tickets / f"{number:020d}")
            ticket.acquire(blocking=False)
            sign(ticket, holder)
        return ticket

    def _serve(self, ticket: FileLock, holder: str) -> tuple[str, FileLock] | None:
        """A free share, if it is this ticket's turn."""
        own = Path(ticket.lock_file)
        with self.order:
            for path in sorted(self.tickets.iterdir()):
                if path.name == own.name:
                    break
                if not self.locks.is_free(path):
                    return None
                path.unlink()  # of a process that was killed while it waited
            for name, path in self.places:
                share = self.locks.lock(path)
                if acquired(share):
                    sign(share, holder)
                    own.unlink()
                    ticket.release()
                    return name, share
        return None

    def holders(self) -> str:
        """Who holds what, and since when: for people."""
        held = [
            f"{name} is held by {signature(path)}"
            for name, path in self.places
            if path.exists() and not self.locks.is_free(path)
        ]
        return "; ".join(held) or "Others are served before it"


def acquired(lock: FileLock) -> bool:
    """Whether the lock was free; it is held then."""
    try:
        lock.acquire(blocking=False)
    except TimeoutError:
        return False
    return True


def sign(lock: FileLock, holder: str) -> None:
    """Say in a lock's file who holds it."""
    content = {
        "holder": holder,
        "pid": os.getpid(),
        "host": platform.node(),
        "job": os.environ.get(JOB),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
    Path(lock.lock_file).write_text(json.dumps(content), "utf-8")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def signature(path: Path) -> str:
    """Who signed a lock file: for people."""
    try:
        content = json.loads(path.read_text("utf-8"))
        job = f", Slurm job {content['job']}" if content["job"] else ""
        where = f"process {content['pid']} on {content['host']}{job}"
        return f"{content['holder']} ({where}) since {content['since']}"
    except (OSError, ValueError, KeyError):
        return "somebody"  # who is just signing
