"""The worker: it imports the libraries that the jobs of a study need, and forks one child per job.

It has no other threads, no tensors and no locks, so a child starts like a process that has just
done its imports. It imports no module of this package that a job executes, so an edit takes effect
at once.
"""

import atexit
import ctypes
import fcntl
import gc
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any, NamedTuple

import landscape
from landscape.worker.client import is_ours

IDLE_SECONDS = 60.0  # seconds without a job after which the worker ends
REQUEST_SECONDS = 5.0  # seconds in which a job must send its request
REQUEST_BYTES = 2**20
DESCRIPTORS = 4  # of a job: input, output, errors, and a pipe that closes when it ends
PR_SET_PDEATHSIG = 1  # of Linux's prctl.h

# Packages that stages import, at once or later. Each job imports what is missing here.
SETTINGS = ("pydantic.main", "filelock", "yaml")
TABLES = (*SETTINGS, "pandas", "pyarrow.dataset", "pyarrow.parquet", "pyarrow.pandas_compat")
TENSORS = (*SETTINGS, "torch", "safetensors.torch")
TRAINING = (*TABLES, *TENSORS, "torch._dynamo", "torch.utils.flop_counter", "rich.live")
DRAWING = ("matplotlib.backends.backend_agg", "matplotlib.backends.backend_pdf")
LIBRARIES = {
    "dataset": (*TENSORS, "PIL.Image", "requests"),
    "estimate": TRAINING,
    "train": TRAINING,
    "look": (*TRAINING, "scipy.linalg"),
    "insight": (*TRAINING, "torchvision", "captum.attr"),
    "surface": TRAINING,
    "structure": (*TABLES, *TENSORS, "torch.utils.flop_counter", "scipy.stats"),
    "aggregate": (*TABLES, "scipy.stats"),
    "figure": (*TABLES, *DRAWING, "safetensors.numpy"),
    "report": (*TABLES, "scipy.stats", "typst"),
}


class Job(NamedTuple):
    connection: socket.socket  # connection to the waiting process
    child: int
    end: int  # a descriptor that becomes readable when the child has ended


class Worker:
    """`study`: a descriptor that becomes readable when the study's Snakemake has ended."""

    def __init__(self, listener: socket.socket, study: int):
        self.listener, self.study, self.process = listener, study, os.getpid()
        self.jobs: list[Job] = []
        # A signal to every process reaches the jobs too, and these save their states.
        self.handlers = {
            number: signal.signal(number, signal.SIG_IGN)
            for number in (signal.SIGTERM, signal.SIGINT)
        }

    def serve(self) -> list[Any] | None:
        """A child's request, in the child forked for it; None in the worker, at its end.

        The worker ends with the study, or when no job comes, but never while one of its jobs runs.
        """
        while True:
            watched = [part for job in self.jobs for part in (job.connection, job.end)]
            ready, _, _ = select.select(
                [self.listener, *(watched or [self.study])],
                [],
                [],
                None if watched else IDLE_SECONDS,
            )
            if not ready or self.study in ready:
                return None
            for job in self.jobs.copy():
                if job.end in ready:
                    self._end(job)
                elif job.connection in ready:
                    self._pass_on(job)
            if self.listener in ready:
                request, descriptors, connection = self._request()
                child = self._fork(request, connection) if request else None
                if child == 0:
                    self._leave(connection, descriptors)
                    return request
                for descriptor in descriptors:
                    os.close(descriptor)
                if child is None:
                    connection.close()  # its own process does the job

    def _request(self) -> tuple[list[Any], list[int], socket.socket]:
        """The next job: the time of its start and its arguments, its streams and its life."""
        connection, _ = self.listener.accept()
        connection.settimeout(REQUEST_SECONDS)
        try:
            text, descriptors, _, _ = socket.recv_fds(connection, REQUEST_BYTES, DESCRIPTORS)
            usable = is_ours(connection) and len(descriptors) == DESCRIPTORS
            return (json.loads(text) if usable else []), descriptors, connection
        except (OSError, ValueError):
            return [], [], connection

    def _fork(self, request: list[Any], connection: socket.socket) -> int | None:
        """A child with the libraries of its stage; 0 in the child, None without memory for it."""
        stage = request[1] if len(request) > 1 else ""
        for library in LIBRARIES.get(stage, ()):
            with suppress(ImportError):  # a job that needs it reports it
                import_module(library)
        gc.freeze()  # existing objects are not garbage; children need not scan them
        try:
            child = os.fork()
        except OSError:
            return None
        if child:
            self.jobs.append(Job(connection, child, os.pidfd_open(child)))
        return child

    def _leave(self, connection: socket.socket, descriptors: list[int]) -> None:
        """In the child: take over environment, streams and folder of the job's process."""
        ctypes.CDLL(None).prctl(
            PR_SET_PDEATHSIG, signal.SIGKILL
        )  # a child must not outlive its worker
        if os.getppid() != self.process:
            os._exit(1)
        for other in (self.listener, connection, *(job.connection for job in self.jobs)):
            other.close()
        for descriptor in (self.study, *(job.end for job in self.jobs)):
            os.close(descriptor)
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        *streams, life = descriptors
        for stream, descriptor in enumerate(streams):
            os.dup2(descriptor, stream)
            os.close(descriptor)
        # By the kernel, because the worker may have to wait for a core.
        fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(life, fcntl.F_SETFL, os.O_ASYNC)

    def _pass_on(self, job: Job) -> None:
        """Pass a signal to the child; if the job's process was killed, kill the child too."""
        try:
            said = job.connection.recv(1)
        except OSError:
            said = b""
        os.kill(job.child, said[0] if said else signal.SIGKILL)
        if not said:
            self._end(job)

    def _end(self, job: Job) -> None:
        """Report a child's exit status, a signal as a shell does."""
        _, status = os.waitpid(job.child, 0)
        code = os.waitstatus_to_exitcode(status)
        with suppress(OSError):  # no process waits for it any more
            job.connection.send(bytes([code if code >= 0 else 128 - code]))
        job.connection.close()
        os.close(job.end)
        self.jobs.remove(job)


def main() -> int:
    ended: list[int] = []
    atexit.register(
        _leave, ended
    )  # registered first, so it runs last, after the libraries' exit handlers
    descriptors = map(int, sys.argv[1:])
    request = Worker(socket.socket(fileno=next(descriptors)), next(descriptors)).serve()
    if request is None:
        return 0
    landscape.STARTED, *arguments = request
    from landscape.cli.main import main as stage

    ended.append(stage(arguments))
    return ended[0]


def _leave(ended: list[int]) -> None:
    """End a child after its job, without unloading its modules, which would take 0.7 s."""
    if ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended[0])


if __name__ == "__main__":
    sys.exit(main())
