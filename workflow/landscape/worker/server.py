"""The worker: it imports the libraries that the jobs of a study need, and forks one child per job.

It has no thread, no tensor and no lock, so that a child starts as a process does whose imports have
cost nothing. It imports nothing of this package that a job executes: an edit is in effect at once.
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

IDLE_SECONDS = 60.0  # without a job, after which the worker ends
REQUEST_SECONDS = 5.0  # in which a job says what it is to do
REQUEST_BYTES = 2**20
DESCRIPTORS = 4  # of a job: input, output, errors, and a pipe that it closes by ending
PR_SET_PDEATHSIG = 1  # of Linux's prctl.h

# What stages import of other packages, at once or later. What is missing here, each job imports.
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
    connection: socket.socket  # to the process that waits for it
    child: int
    end: int  # a descriptor that becomes readable when the child has ended


class Worker:
    """`study`: a descriptor that becomes readable when the study's Snakemake has ended."""

    def __init__(self, listener: socket.socket, study: int):
        self.listener, self.study, self.process = listener, study, os.getpid()
        self.jobs: list[Job] = []
        # Whoever asks every process to stop asks the jobs too, and these then save their states.
        self.handlers = {
            number: signal.signal(number, signal.SIG_IGN)
            for number in (signal.SIGTERM, signal.SIGINT)
        }

    def serve(self) -> list[Any] | None:
        """A child's request, in the child that is forked for it; None in the worker, at its end.

        It ends when the study has, or when no job comes, and never before a job that it has.
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
        """What the next job is: the time of its start, and its arguments; its streams and life."""
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
            with suppress(ImportError):  # the job that needs it says so
                import_module(library)
        gc.freeze()  # what is there by now is no garbage, which the children need not find again
        try:
            child = os.fork()
        except OSError:
            return None
        if child:
            self.jobs.append(Job(connection, child, os.pidfd_open(child)))
        return child

    def _leave(self, connection: socket.socket, descriptors: list[int]) -> None:
        """In the child: become the process that the job would have been."""
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # without its worker it is lost
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
        # By the kernel: the worker, which would do it too, may have to wait for a core.
        fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(life, fcntl.F_SETFL, os.O_ASYNC)

    def _pass_on(self, job: Job) -> None:
        """Give the child a signal; a job whose process was killed is killed likewise."""
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
        with suppress(OSError):  # nobody waits for it any more
            job.connection.send(bytes([code if code >= 0 else 128 - code]))
        job.connection.close()
        os.close(job.end)
        self.jobs.remove(job)


def main() -> int:
    ended: list[int] = []
    atexit.register(_leave, ended)  # first in, last out: after what the libraries do at an exit
    descriptors = map(int, sys.argv[1:])
    request = Worker(socket.socket(fileno=next(descriptors)), next(descriptors)).serve()
    if request is None:
        return 0
    landscape.STARTED, *arguments = request
    from landscape.cli.main import main as stage

    ended.append(stage(arguments))
    return ended[0]


def _leave(ended: list[int]) -> None:
    """End a child that has done its job, without taking its modules apart: that takes 0.7 s."""
    if ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended[0])


if __name__ == "__main__":
    sys.exit(main())
