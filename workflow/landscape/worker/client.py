"""The job's side of the worker: finding one, and waiting for the job's end.

Only the standard library is imported here, because a served process needs nothing else.
"""

import errno
import hashlib
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import landscape

STUDY = "LANDSCAPE_WORKER"  # environment variable: the process id of the study's Snakemake
WORKER = tuple(Path(__file__).with_name(name) for name in ("client.py", "server.py"))
# Variables that differ between commands and that no job reads: the folder is digested itself.
UNREAD = {STUDY, "_", "SHLVL", "PWD", "OLDPWD"}
CREDENTIALS = struct.Struct("3i")  # process, user and group at the other end of a socket


def served(arguments: Sequence[str]) -> int | None:
    """The exit status of a job that a worker has done; None if this process must do it itself.

    A job that loses its worker starts again in its own process: files are whole or absent, and a
    run resumes from its last saved state.
    """
    study = os.environ.pop(STUDY, None)  # it applies to this process and not to its children
    if study is None or sys.platform != "linux":
        return None
    try:
        connection = _connect(int(study))
    except OSError:
        return None
    life, held = os.pipe()  # the kernel kills the child however this process ends
    with connection, os.fdopen(held, "wb"), _passed_on(connection) as signals:
        try:
            request = json.dumps([landscape.STARTED, *arguments]).encode()
            socket.send_fds(connection, [request], [0, 1, 2, life])
            os.close(life)
            answer = connection.recv(1)
        except OSError:
            answer = b""
    if answer:
        return answer[0]
    if signals:
        return 128 + signals[-1]
    print("the worker has ended; this process does the job itself", file=sys.stderr, flush=True)
    return None


def is_ours(connection: socket.socket) -> bool:
    """Whether the process at the other end has the same user; any user can use a socket's name."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    user: int = CREDENTIALS.unpack(found)[1]
    return user == os.getuid()


@contextmanager
def _passed_on(connection: socket.socket) -> Iterator[list[int]]:
    """Inside the block, SIGTERM and SIGINT are for the job; the value lists those received."""
    signals: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        signals.append(number)
        with suppress(OSError):  # the worker has ended
            connection.send(bytes([number]))

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _connect(study: int) -> socket.socket:
    """A connection to the study's worker with this environment, which is started if necessary."""
    name = f"\0landscape-{_surroundings(study)}"  # abstract: it disappears with its last holder
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        try:
            connection.connect(name)
        except ConnectionRefusedError:
            _start(name, study)
            connection.connect(name)
        if not is_ours(connection):
            raise PermissionError(name)
    except OSError:
        connection.close()
        raise
    return connection


def _start(name: str, study: int) -> None:
    """Start a worker, unless another job is just doing so: only one process can have the name.

    The worker finds the connections made while it starts.
    """
    import subprocess

    watched = os.pidfd_open(study)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            try:
                listener.bind(name)
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return
                raise
            listener.listen(128)
            descriptors = listener.fileno(), watched
            subprocess.Popen(
                [sys.executable, "-m", "landscape.worker.server", *map(str, descriptors)],
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C goes to the jobs, which pass it on
            )
    finally:
        os.close(watched)


def _surroundings(study: int) -> str:
    """A hash of everything that a process inherits and that libraries may read at their start.

    Jobs that differ in any of it, for example OMP_NUM_THREADS, have different workers.
    """
    mask = os.umask(0)
    os.umask(mask)
    own = Path("/proc/self")
    inherited = [
        study,
        sys.executable,
        str(Path.cwd()),
        sorted(item for item in os.environ.items() if item[0] not in UNREAD),
        mask,
        sorted(os.sched_getaffinity(0)),
        os.getpriority(os.PRIO_PROCESS, 0),
        *((own / name).read_text() for name in ("limits", "cgroup")),
        *((own / "ns" / name).readlink().name for name in ("mnt", "pid", "net")),
        # The worker's own code; each job imports the rest of the package itself.
        [path.stat().st_mtime_ns for path in (Path(landscape.__file__), *WORKER)],
    ]
    return hashlib.sha256(json.dumps(inherited).encode()).hexdigest()[:32]
