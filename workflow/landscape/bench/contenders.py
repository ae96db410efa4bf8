"""The contenders: the same training step, from the plain loop to one with all measures."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

import torch

from landscape.bench import BARE, CONTIGUOUS, PLAIN, UNMEASURED
from landscape.bench.plain_loop import plain_loop
from landscape.config.runs import Precision, Run
from landscape.data.batches import Batches, normalized
from landscape.data.dataset import Images
from landscape.models import registry as models
from landscape.optimizers import registry as optimizers
from landscape.runtime import device as devices
from landscape.training import cuda_graphs, losses
from landscape.training.recorder import Recorder
from landscape.training.trajectory import State, trajectory

HISTORY = 1_000_000  # steps that a recorder can store; a benchmark makes fewer


@dataclass(frozen=True)
class Contender:
    """One way to make a training step: `advance` makes one, without waiting for the device."""

    kind: str
    architecture: str
    precision: Precision
    advance: Callable[[], object]


def contender(kind: str, run: Run, images: Images, device: torch.device) -> Contender:
    """A run of `bands` as one of these contenders; for `probed`, a run of `probe`.

    bare         forward, backward and update on one fixed batch: no data, no measures; on CUDA it
                 is captured and replayed, as ours are
    contiguous   the same with channels first instead of last
    unmeasured   our trajectory without a recorder's norms and distances
    bands        the same with the measures of `bands` at every step
    probed       the same with a probe at the steps of the run's schedule
    """
    if kind in (BARE, CONTIGUOUS):
        layout = torch.channels_last if kind == BARE else torch.contiguous_format
        steps = _bare(run, images, device, layout)
        return Contender(kind, run.architecture.name, run.precision, lambda: next(steps))
    return _ours(kind, run, images, device)


@contextmanager
def plain_process(run: Run, images: Images, device: torch.device) -> Iterator[Contender]:
    """What a student writes (`plain_loop`), in float32 and in its own process.

    That process has the default settings of malloc and torch, not those of `device.prepare`.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    arguments = (run, images, device, torch.get_num_threads(), there)
    child = context.Process(target=_serve, args=arguments)
    child.start()
    there.close()

    def advance() -> None:
        here.send(1)
        here.recv()

    try:
        yield Contender(PLAIN, run.architecture.name, "float32", advance)
    finally:
        here.close()
        child.join()


def _serve(
    run: Run, images: Images, device: torch.device, threads: int, parent: Connection
) -> None:
    """Make a step for each message, until the sender has ended."""
    torch.set_num_threads(threads)
    steps = plain_loop(run, images, device)
    with devices.tf32_allowed(False):
        while True:
            try:
                parent.recv()
            except EOFError:
                return
            next(steps)
            parent.send(1)


def _bare(
    run: Run, images: Images, device: torch.device, layout: torch.memory_format
) -> Iterator[None]:
    inputs = normalized(images.pixels[: run.batch_size].to(device)).contiguous(memory_format=layout)
    labels = images.labels[: run.batch_size].to(device)
    model = models.build(run.architecture, run.seed)
    model = model.to(device).to(memory_format=layout).train()
    optimizer = optimizers.build(run.optimizer, model, run.learning_rate)
    loss_function = losses.build(run.loss)

    def step(chosen: torch.Tensor) -> None:
        optimizer.zero_grad()
        with devices.training_precision(device, run.precision):
            logits = model(inputs)
        loss: torch.Tensor = loss_function(logits.float(), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    if device.type != "cuda" or not optimizers.capturable(run.optimizer):
        while True:
            step(labels)
            yield
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    for _ in range(cuda_graphs.WARM_UP):
        with torch.cuda.stream(stream):
            step(labels)
        yield
    replay = cuda_graphs.Graphs(stream)(step, labels)
    while True:
        with torch.cuda.stream(stream):
            replay(labels)
        yield


def _ours(kind: str, run: Run, images: Images, device: torch.device) -> Contender:
    if kind == UNMEASURED:
        run = run.model_copy(update={"gradient_lags": (), "probe": None})
    state = State(run, device)
    batches = Batches(images, run.batch_size, run.seed, device)
    recorder = Recorder(run, state, HISTORY)
    if cuda_graphs.obstacle(run, state) is None:
        advance = cuda_graphs.captured_stepper(run, state, batches, recorder, HISTORY).step
    else:
        walk = trajectory(run, state, batches, HISTORY)

        def advance() -> None:
            recorder.observe(next(walk))

    return Contender(kind, run.architecture.name, run.precision, advance)
