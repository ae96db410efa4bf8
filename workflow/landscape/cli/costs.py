"""Seconds that runs take on this machine: steps, evaluations, and the starts of jobs.

    seconds of a run = start + seconds per step · (steps + forward images / (3 · batch size))

A step costs three forward passes. Seconds per step come from finished runs of the same kind, or
from a few timed steps. A study has too many kinds of network to time each: those with the most to
compute are timed, and the others are assumed to compute as fast as the timed kind with the most
similar number of operations per step.
"""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import torch

from landscape import STARTED
from landscape.config.runs import PlainRun, Run
from landscape.data.batches import Batches
from landscape.data.dataset import Images
from landscape.measure.flops import training_flops
from landscape.models import registry as models
from landscape.runtime import device as devices
from landscape.storage import files
from landscape.training.recorder import Recorder
from landscape.training.trajectory import State, trajectory

WARM_UP, TIMED = 1, 2
HESSIAN_PASSES = 4  # the cost of a Hessian-vector product: 3 steps without BatchNorm, 5 with
FORWARD = 1 / 3  # cost per image, as a share of a step's
VIEWS = 6  # forward passes per image with test-time augmentation
TIMING_SECONDS = 15.0  # spent on timing steps, not counting the first kind
KIND = {"architecture", "batch_size", "gradient_lags", "probe", "same_batch_every_steps"}


class Counts(NamedTuple):
    """The images of a data set."""

    train: int
    test: int


def steps_of(run: Run, images: Counts) -> int:
    """Updates of a run with this many images."""
    if run.steps:
        return run.steps
    return -(-_trained_on(run, images) // run.batch_size) * (run.epochs or 0)


def work_of(run: Run, images: Counts) -> float:
    """A run's steps and evaluations, in steps on whole images; smaller images cost less."""
    steps = steps_of(run, images)
    epochs = run.epochs or steps / -(-_trained_on(run, images) // run.batch_size)
    tested = images.test * (1 + VIEWS * run.test_time_augmentation) * run.tested
    evaluated = epochs * run.split.validation_images + tested
    cheaper = 1.0
    if run.small_images:
        cheaper -= run.small_images.share * (1 - (run.small_images.size / 32) ** 2)
    return steps * cheaper + FORWARD * evaluated / run.batch_size


def _trained_on(run: Run, images: Counts) -> int:
    return run.split.train_images or images.train - run.split.validation_images


class Costs:
    """Seconds per step of every kind of run that remains."""

    def __init__(
        self,
        finished: Sequence[Run | PlainRun],
        results: Path,
        threads: int | None,
        images: Counts,
        begun: float = STARTED,
    ):
        self.threads, self.images, self.timed = threads, images, False
        done = [(run, files.read_json(results / run.id / "run.json")) for run in finished]
        self._done = [(run, record) for run, record in done if isinstance(run, Run)]
        self._begun, self._first_step = begun, 0.0  # its seconds after `begun`
        self._per_step: dict[str, float] = {}
        self._rates: dict[float, float] = {}  # operations per step → operations per second
        for kind in {kind_of(run) for run, _ in self._done}:
            same = [(run, record) for run, record in self._done if kind_of(run) == kind]
            self._per_step[kind] = mean(_seconds_per_step(record) for _, record in same)
            run = same[0][0]
            self._rates[step_flops(run)] = step_flops(run) / self._per_step[kind]

    def training(self, waiting: Sequence[Run | PlainRun]) -> float:
        """Seconds of all steps and evaluations, one run after another."""
        runs = [run for run in waiting if isinstance(run, Run)]
        work: dict[str, float] = {}
        kinds: dict[str, Run] = {}
        for run in runs:
            kind = kind_of(run)
            kinds.setdefault(kind, run)
            work[kind] = work.get(kind, 0.0) + work_of(run, self.images)
        unknown = [kind for kind in kinds if kind not in self._per_step]
        unknown.sort(key=lambda kind: work[kind] * step_flops(kinds[kind]), reverse=True)
        started = time.monotonic()
        for kind in unknown:
            run = kinds[kind]
            if not self._rates or time.monotonic() - started < TIMING_SECONDS:
                self._per_step[kind] = measure_seconds_per_step(run, self.threads)
                self._rates[step_flops(run)] = step_flops(run) / self._per_step[kind]
                if not self.timed:
                    steps = TIMED * self._per_step[kind] / passes_of(run)
                    self._first_step = time.monotonic() - self._begun - steps
                self.timed = True
            else:
                self._per_step[kind] = step_flops(run) / self._rate_near(step_flops(run))
        return sum(work[kind] * self._per_step[kind] for kind in kinds)

    def start(self) -> float:
        """Seconds of a job besides these: from finished runs, or of this process to its first step.

        A job starts in the study's worker, which has imported the libraries. `begun` is therefore
        the time at which this process had imported them.
        """
        if not self._done:
            return self._first_step or time.monotonic() - self._begun
        others = [
            record["total_seconds"]
            - record["train_seconds"]
            - self._per_step[kind_of(run)] * (work_of(run, self.images) - record["steps"])
            for run, record in self._done
        ]
        return max(0.0, float(mean(others)))

    def _rate_near(self, flops: float) -> float:
        near = min(self._rates, key=lambda known: abs(math.log(known / flops)))
        return self._rates[near]


def kind_of(run: Run) -> str:
    """Runs with the same text cost the same per step."""
    rule = run.optimizer.name, run.optimizer.sharpness_radius > 0
    return f"{run.model_dump_json(include=KIND)} {rule} {run.precision} {run.device}"


def step_flops(run: Run) -> float:
    """Floating-point operations of a training step; with SAM, of its two passes."""
    passes = 1 + (run.optimizer.sharpness_radius > 0)
    return float(passes * _image_flops(run.architecture.model_dump_json(), run) * run.batch_size)


_FLOPS: dict[str, int] = {}  # by architecture: counting builds the network


def _image_flops(architecture: str, run: Run) -> int:
    if architecture not in _FLOPS:
        _FLOPS[architecture] = training_flops(models.build(run.architecture, run.seed))
    return _FLOPS[architecture]


def measure_seconds_per_step(run: Run, threads: int | None) -> float:
    """The mean of a few measured steps on random images, after a warm-up."""
    device = devices.resolve(run.device)
    devices.prepare(device, run.precision, threads)
    pixels = torch.randint(0, 256, (run.batch_size, 3, 32, 32), dtype=torch.uint8)
    images = Images(pixels, torch.arange(run.batch_size) % 10)
    state = State(run, device)
    rare: dict[str, Any] = {"probe": None, "same_batch_every_steps": None}
    recorder = Recorder(run.model_copy(update=rare), state, WARM_UP + TIMED)
    batches = Batches(images, run.batch_size, run.seed, device)
    started = 0.0
    for step in trajectory(run, state, batches, WARM_UP + TIMED):
        if step.index == WARM_UP:
            recorder.check()
            started = time.monotonic()
        recorder.observe(step)
    recorder.check()
    return (time.monotonic() - started) / TIMED * passes_of(run)


def passes_of(run: Run) -> float:
    """The factor by which the rare measures lengthen an average step: 1 without any."""
    passes = 1.0
    if run.same_batch_every_steps:
        passes += 2 / run.same_batch_every_steps
    if run.probe:
        passes += (1 + HESSIAN_PASSES + len(run.probe.relative_step_sizes)) / run.probe.every
    return passes


def _seconds_per_step(record: dict[str, Any]) -> float:
    completed = record["status"] == "completed"
    steps = record["steps"] if completed else max(1, record["diverged_at_step"])
    return float(record["train_seconds"] / steps)
