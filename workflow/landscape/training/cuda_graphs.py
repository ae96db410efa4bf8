"""A trajectory as replayed CUDA graphs: a whole step as one launch instead of two hundred.

A step of a small network is dozens of kernels of a few microseconds, which the host cannot launch
as fast as the device runs them. So a step (batch, forward, backward, measures, update) is captured
once and replayed. What changes from step to step lies in tensors that are written before the
replay (which images, how they are mixed, the learning rate) and in the seed of what is dropped.
Steps that do other work on other memory (the last, smaller batch of an epoch, smaller images, a
probe) are other *kinds*, each captured for itself.
"""

import sys
from collections import Counter
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch

from landscape.config.runs import Run
from landscape.data.batches import Batches
from landscape.optimizers import registry as optimizers
from landscape.training.recorder import Recorder
from landscape.training.trajectory import State, Update

WARM_UP = 3  # eager steps of a kind before its capture: libraries choose kernels and take memory

Body = Callable[[torch.Tensor], None]  # one step, given the images [B] that are in it
Capture = Callable[[Body, torch.Tensor], Body]


@dataclass(frozen=True)
class Captured:
    """Of which kinds of steps there were graphs, and why not of all."""

    kinds: Literal["all", "part", "none"]
    reason: str | None = None


def obstacle(run: Run, state: State) -> str | None:
    """Why this run's steps cannot be replayed, if they cannot."""
    if state.flat.vector.device.type != "cuda":
        return "not on a CUDA device"
    if not optimizers.capturable(run.optimizer):
        return f"{run.optimizer.name} counts its steps on the host"
    if run.optimizer.sharpness_radius and state.drops:
        return "SAM's second pass drops the units of the first, for which the host seeds anew"
    if any(getattr(module, "draws_on_host", False) for module in state.model.modules()):
        return f"{run.architecture.name} draws its noise on the host"
    return None


class Graphs:
    """Captures with `torch.cuda.graph`, all on one stream and from one pool of memory.

    One pool serves, because the graphs run one after the other and keep nothing between them. A
    capture that failed leaves its pool unusable; the next one takes a new pool.
    """

    def __init__(self, stream: torch.cuda.Stream):
        self.stream = stream
        self.pool = torch.cuda.graph_pool_handle()

    def __call__(self, body: Body, chosen: torch.Tensor) -> Body:
        images = chosen.clone()
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
                body(images)
        except RuntimeError:
            self.pool = torch.cuda.graph_pool_handle()
            raise

        def replay(chosen: torch.Tensor) -> None:
            images.copy_(chosen)
            graph.replay()

        return replay


def walk(
    run: Run,
    state: State,
    batches: Batches,
    recorder: Recorder,
    steps: int,
    after_update: Callable[[], bool] = lambda: True,
) -> Captured:
    """As `trajectory` with every step observed by `recorder`, bit for bit, but replayed."""
    stepper = captured_stepper(run, state, batches, recorder, steps)
    with stepper.on_stream():
        while state.step < steps:
            stepper.step()
            if not after_update():
                break
    torch.cuda.synchronize()
    return stepper.outcome()


def captured_stepper(
    run: Run, state: State, batches: Batches, recorder: Recorder, steps: int
) -> "Stepper":
    """A stepper on a stream of its own, which waits for what has been started before."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    return Stepper(run, state, batches, recorder, steps, Graphs(stream), stream)


class Stepper:
    """Makes one step of a run at a time, each kind captured once and replayed.

    Any `capture` will do whose result does what the body does. Whoever reads what is on the device
    between two steps does it on `stream`: see `on_stream`.
    """

    def __init__(
        self,
        run: Run,
        state: State,
        batches: Batches,
        recorder: Recorder,
        steps: int,
        capture: Capture,
        stream: torch.cuda.Stream | None,
    ):
        self.state, self.batches, self.recorder = state, batches, recorder
        self.update = Update(run, state, steps)
        self.capture, self.stream = capture, stream
        self.bodies: dict[Hashable, Body] = {}  # of the kinds that are warm
        self.failed: dict[Hashable, str] = {}  # and why these among them are not replayed
        self.seen: Counter[Hashable] = Counter()

    def step(self) -> None:
        # Autograd runs each backward pass on the stream of its forward pass: one stream for all.
        with self.on_stream():
            self.update.prepare()
            index = self.state.step
            chosen = self.batches.chosen(index)
            kind = self._kind(chosen, index)
            if kind is not None and kind not in self.bodies and self.seen[kind] >= WARM_UP:
                self.bodies[kind] = self._captured(kind, chosen)
            self.bodies.get(kind, self._body)(chosen)
            self.seen[kind] += 1
            self.recorder.keep(index)
            self.state.step += 1

    def on_stream(self) -> AbstractContextManager[object]:
        return nullcontext() if self.stream is None else torch.cuda.stream(self.stream)

    def outcome(self) -> Captured:
        if not self.bodies:
            return Captured("none", "too few steps of any kind")
        if not self.failed:
            return Captured("all")
        reason = next(iter(self.failed.values()))
        return Captured("none" if len(self.failed) == len(self.bodies) else "part", reason)

    def _captured(self, kind: Hashable, chosen: torch.Tensor) -> Body:
        """The body captured, or itself where something in it cannot be."""
        try:
            return self.capture(self._body, chosen)
        except RuntimeError as error:
            self.failed[kind] = reason = _first_cause(error)
            print(f"not captured as a CUDA graph, runs step by step: {reason}", file=sys.stderr)
            return self._body

    def _body(self, chosen: torch.Tensor) -> None:
        epoch = self.state.step // len(self.batches)
        inputs, targets = self.batches.cut(chosen)
        self.recorder.measure(self.update.backward(inputs, targets, epoch))
        self.update.move()

    def _kind(self, chosen: torch.Tensor, index: int) -> Hashable:
        measures = self.recorder.kind(index)
        return None if measures is None else (len(chosen), self.update.side(index), measures)


def _first_cause(error: BaseException) -> str:
    """What went wrong first: that the capture could not be ended is only its consequence."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error).partition("\n")[0]
