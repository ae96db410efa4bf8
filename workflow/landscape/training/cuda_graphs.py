"""A trajectory as replayed CUDA graphs: a whole step as one launch instead of two hundred.

A step of a small network is dozens of kernels of a few microseconds, which the host cannot launch
as fast as the device runs them. So a step (batch, forward, backward, measures, update) is captured
once and replayed. What changes from step to step lies in tensors that are written before the
replay: which images, the learning rate. Steps that do other work on other memory (the last, smaller
batch of an epoch, smaller images, a probe) are other *kinds*, each captured for itself.
"""

import sys
from collections import Counter
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext

import torch

from landscape.config.runs import Run
from landscape.data.batches import Batches
from landscape.optimizers import registry as optimizers
from landscape.training.recorder import Recorder
from landscape.training.trajectory import State, Update

WARM_UP = 3  # eager steps of a kind before its capture: libraries choose kernels and take memory

Body = Callable[[torch.Tensor], None]  # one step, given the images [B] that are in it
Capture = Callable[[Body, torch.Tensor], Body]


def possible(run: Run, state: State) -> bool:
    """Whether this run's steps can be replayed: no draws on the host, neither SAM nor Adagrad."""
    draws = state.drops or bool(run.augmentation.mixup)
    on_cuda = state.flat.vector.device.type == "cuda"
    return on_cuda and not draws and optimizers.capturable(run.optimizer)


class Graphs:
    """Captures with `torch.cuda.graph`, all on one stream and from one pool of memory.

    One pool serves, because the graphs run one after the other and keep nothing between them.
    """

    def __init__(self, stream: torch.cuda.Stream):
        self.stream = stream
        self.pool = torch.cuda.graph_pool_handle()

    def __call__(self, body: Body, chosen: torch.Tensor) -> Body:
        images = chosen.clone()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
            body(images)

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
) -> None:
    """As `train.trajectory` with every step observed by `recorder`, bit for bit, but replayed."""
    stepper = captured_stepper(run, state, batches, recorder, steps)
    with stepper.on_stream():
        while state.step < steps:
            stepper.step()
            if not after_update():
                break
    torch.cuda.synchronize()


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
        self.captured: dict[Hashable, Body] = {}
        self.seen: Counter[Hashable] = Counter()

    def step(self) -> None:
        # Autograd runs each backward pass on the stream of its forward pass: one stream for all.
        with self.on_stream():
            self.update.prepare()
            index = self.state.step
            chosen = self.batches.chosen(index)
            kind = self._kind(chosen, index)
            if kind is not None and kind not in self.captured and self.seen[kind] >= WARM_UP:
                self.captured[kind] = _captured(self.capture, self._body, chosen)
            self.captured.get(kind, self._body)(chosen)
            self.seen[kind] += 1
            self.recorder.keep(index)
            self.state.step += 1

    def on_stream(self) -> AbstractContextManager[object]:
        return nullcontext() if self.stream is None else torch.cuda.stream(self.stream)

    def _body(self, chosen: torch.Tensor) -> None:
        step, epoch = self.state.step, self.state.step // len(self.batches)
        inputs, targets = self.batches.cut(chosen, step)
        self.recorder.measure(self.update.backward(inputs, targets, epoch))
        self.update.move()

    def _kind(self, chosen: torch.Tensor, index: int) -> Hashable:
        measures = self.recorder.kind(index)
        return None if measures is None else (len(chosen), self.update.side(index), measures)


def _captured(capture: Capture, body: Body, chosen: torch.Tensor) -> Body:
    """The body captured, or itself where something in it cannot be."""
    try:
        return capture(body, chosen)
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        print(f"not captured as a CUDA graph, goes on step by step: {reason}", file=sys.stderr)
        return body
