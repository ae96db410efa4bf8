"""The cost of inspecting a run's weights, compared with training it, in processor time."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from landscape.bench import UNMEASURED
from landscape.bench.contenders import contender
from landscape.bench.timing import synchronize, warm_up
from landscape.config.mechanism import Mechanism
from landscape.config.runs import Run
from landscape.config.study import Study
from landscape.data import dataset
from landscape.insight.mechanism import Subject
from landscape.measure.hessian import Hessian
from landscape.measure.sharpness import sharpness
from landscape.runtime.randomness import generator
from landscape.training import job

COMPARED = ("vgg_a", "vgg_a_bn")
STEPS = 30  # of the run that is inspected at its end
TIMED = 10  # consecutive training steps
ROUNDS = 3


def looking(study: Study, results: Path, device: torch.device) -> list[dict[str, Any]]:
    """A row for each of the two compared networks; empty without the mechanism study.

    `step_seconds`: one training step; `moment_seconds`: all measures at one moment except λ₁;
    `lambda_seconds`: one λ₁ to its residual; `share` and `lambda_share`: the last two at all
    moments of a run, over its training. Medians over rounds of processor time (user and system) on
    one thread, which depends less on other processes than elapsed time.
    """
    if study.mechanism is None:
        return []
    with _one_thread():
        return [
            _row(study.mechanism, run, results, device)
            for run in study.first_runs("mechanism", COMPARED)
        ]


def _row(mechanism: Mechanism, run: Run, results: Path, device: torch.device) -> dict[str, Any]:
    short = run.model_copy(update={"steps": STEPS, "moments": (0, STEPS)})
    look = mechanism.look(run).model_copy(update={"run": short, "in_depth": None})
    images, _ = dataset.split(dataset.load(results / "data", "train"), run.split)
    advance = contender(UNMEASURED, run, images, device).advance
    warm_up(advance, device)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data").symlink_to((results / "data").resolve())
        job.train(short, Path(folder), threads=1)
        subject = Subject(look, Path(folder), device)
    parts: list[Callable[[], object]] = [
        lambda: [advance() for _ in range(TIMED)],
        lambda: subject.rows(STEPS),
        lambda: _sharpest(subject),
    ]
    taken = np.array([[_seconds(part, device) for part in parts] for _ in range(ROUNDS)])
    step, sharpest = taken[:, 0] / TIMED, taken[:, 2]
    moment = taken[:, 1] - sharpest
    run_of = len(mechanism.moments) / (mechanism.steps * step)
    found = {
        "step_seconds": step,
        "moment_seconds": moment,
        "lambda_seconds": sharpest,
        "share": moment * run_of,
        "lambda_share": sharpest * run_of,
    }
    return {
        "architecture": run.architecture.name,
        **{name: float(np.median(values)) for name, values in found.items()},
    }


def _sharpest(subject: Subject) -> dict[str, float]:
    """λ₁ from the same start as the subject's, and so with as many products."""
    hessian = Hessian(subject.model, subject.flat, subject.inputs, subject.labels, cross_entropy)
    drawn = generator(subject.run.seed, "lanczos", STEPS)
    start = torch.randn(subject.flat.vector.shape, generator=drawn)
    return sharpness(hessian, start.to(subject.flat.vector))


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    started = time.process_time()
    work()
    synchronize(device)
    return time.process_time() - started


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
