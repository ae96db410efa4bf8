"""Many lives of one training run: processes that are forked, train, and are killed with SIGKILL.

`Lives` talks to a process of its own (this file as a program), which imports torch once and forks a
child for every life. A child stops at the point that its killer waits
for and says so; then it gets the real signal. Points are: ["step", k], between the backward pass
and the update of step k; ["operation", n], before the n-th operation of this life on the results
folder (open, half of a write, fsync, rename, remove); ["seconds", s], s seconds after its first
step, wherever it is then.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

TIMEOUT = 300.0  # seconds that a life may last on a busy machine


class Lives:
    """`without`: which protection is switched off in every life; see `_without`."""

    def __init__(self, without: str = ""):
        package = Path(__file__).parents[2] / "workflow"
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), without],
            env={**os.environ, "PYTHONPATH": str(package), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def live(self, run: Any, results: Path, *kills: list[Any], last: bool = True) -> dict[str, Any]:
        """Train `run` in lives that are killed as `kills` say, and then, if `last`, to its end.

        `deaths`: exit code and place of each killed life; `exit`, `operations` and `said` of the
        one that was not killed.
        """
        asked = {
            "settings": run.model_dump_json(),
            "kind": type(run).__name__,
            "results": str(results),
            "kills": list(kills) + ([None] if last else []),
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], TIMEOUT * (len(kills) + 1))
        assert ready, "the lives ended without an answer"
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(timeout=30) == 0


def serve(without: str) -> None:
    # All that a child needs, so that it imports nothing; this process itself computes nothing.
    import pyarrow.parquet  # noqa: F401
    import torch

    from landscape.plain import job as plain_job
    from landscape.training import job

    torch.set_num_threads(1)
    _without(without)
    kinds = {"Run": job, "PlainRun": plain_job}
    for line in sys.stdin:
        asked = json.loads(line)
        module = kinds[asked["kind"]]
        run = getattr(module, asked["kind"]).model_validate_json(asked["settings"])
        results = Path(asked["results"])
        answer: dict[str, Any] = {"deaths": []}
        for kill in asked["kills"]:
            died = _life(module.train, run, results, kill)
            if kill is None:
                answer |= died
            else:
                answer["deaths"].append(died)
        print(json.dumps(answer), flush=True)


def _life(train: Any, run: Any, results: Path, kill: list[Any] | None) -> dict[str, Any]:
    ours, its = os.pipe()
    said = results / "said.txt"
    child = os.fork()
    if child == 0:
        os.close(ours)
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), 2)
        points = Points(kill, its, results)
        try:
            points.install()
            train(run, results, 1, 0.0)
            points.say({"operations": points.operations})
            os._exit(0)
        except BaseException:  # the child must not run on in the server's loop
            import traceback

            traceback.print_exc()
            os._exit(70)
    os.close(its)
    with os.fdopen(ours) as pipe:
        if kill is None:
            content = json.loads(_next(pipe) or "{}")
        else:
            content = json.loads(_next(pipe) or "{}")
            if kill[0] == "seconds":
                time.sleep(kill[1])
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    text = said.read_text("utf-8", "replace")
    return {**content, "exit": os.waitstatus_to_exitcode(status), "said": text}


def _next(pipe: IO[str]) -> str:
    ready, _, _ = select.select([pipe], [], [], TIMEOUT)
    return pipe.readline() if ready else ""


class Points:
    """Counts the points that a life passes, and stops at the one it is to be killed at."""

    def __init__(self, kill: list[Any] | None, pipe: int, results: Path):
        self.kill, self.pipe, self.results = kill, pipe, str(results)
        self.operations: list[str] = []

    def say(self, content: dict[str, Any]) -> None:
        os.write(self.pipe, (json.dumps(content) + "\n").encode())

    def install(self) -> None:
        from landscape.plain import job as plain_job
        from landscape.storage import files
        from landscape.training.recorder import Recorder

        keep, update = Recorder.keep, plain_job.Job._update
        points = self

        def kept(self: Any, index: int) -> None:
            points.step(index)
            keep(self, index)

        def updated(self: Any) -> None:
            points.step(self._step)
            update(self)

        Recorder.keep, plain_job.Job._update = kept, updated  # type: ignore[method-assign]
        fsync, atomic_file = os.fsync, files.atomic_file

        def synced(descriptor: int) -> None:
            self.operation("fsync", _path(descriptor))
            fsync(descriptor)

        @contextmanager
        def halting_file(path: Path) -> Iterator[Any]:
            with atomic_file(path) as file:
                yield _Halting(file, self)

        os.fsync, files.atomic_file = synced, halting_file
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & 3:
            self.operation("open", arguments[0])
        elif event in ("os.rename", "os.remove"):
            self.operation(event.removeprefix("os."), arguments[0])

    def operation(self, kind: str, path: Any) -> None:
        if not str(path).startswith(self.results):
            return
        name = Path(str(path)).name
        if name.startswith("."):  # .steps.parquet.abcdefgh.tmp
            name = name[1:].rsplit(".", 2)[0]
        place = f"{kind} {name}"
        self.operations.append(place)
        if self.kill and self.kill == ["operation", len(self.operations) - 1]:
            self._stop(place)

    def step(self, index: int) -> None:
        if self.kill and self.kill == ["step", index]:
            self._stop(f"step {index}")
        elif self.kill and self.kill[0] == "seconds":
            self.say({"at": f"step {index}"})
            self.kill = ["going"]

    def _stop(self, place: str) -> None:
        self.say({"at": place})
        while True:
            signal.pause()


def _path(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}").readlink()


class _Halting:
    """A file whose writes have a point in their middle."""

    def __init__(self, file: Any, points: Points):
        self._file, self._points = file, points

    def write(self, content: Any) -> None:
        half = len(content) // 2
        self._file.write(content[:half])
        self._file.flush()
        self._points.operation("write", _path(self._file.fileno()))
        self._file.write(content[half:])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _without(protection: str) -> None:
    """Switch a protection off: the negative controls."""
    from landscape.storage import files
    from landscape.training import checkpoint, job

    if protection == "optimizer state":
        load = job.State.load_state_dict

        def forgetful(self: Any, state: dict[str, Any]) -> None:
            load(self, {**state, "optimizer": self.optimizer.state_dict()})

        job.State.load_state_dict = forgetful  # type: ignore[method-assign]
    elif protection == "atomic writes":

        @contextmanager
        def plain(path: Path) -> Iterator[Any]:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                yield file

        files.atomic_file = plain
        checkpoint.previous = lambda path: path  # a generation before would make up for it
    elif protection:
        raise ValueError(protection)


if __name__ == "__main__":
    serve(sys.argv[1])
