"""Before a study starts: how many runs are to do, how long that takes, how to ask for less."""

import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from landscape import STARTED
from landscape.cli.studies import prepared_images
from landscape.config.images import require_images
from landscape.config.runs import PlainRun, Run
from landscape.data.batches import Batches
from landscape.data.dataset import Images
from landscape.measure.flops import training_flops
from landscape.models import registry as models
from landscape.notation.units import about
from landscape.provenance.up_to_date import is_done
from landscape.runtime import device as devices
from landscape.storage import files
from landscape.training.recorder import Recorder
from landscape.training.trajectory import State, trajectory

TRAINING_IMAGES = 50_000  # of CIFAR-10, where neither the configuration nor the data says otherwise
WARM_UP, TIMED = 1, 2
HESSIAN_PASSES = 4  # the cost of a Hessian-vector product: 3 steps without BatchNorm, 5 with
LONG_SECONDS = 600


def announce(
    runs: Sequence[Run | PlainRun],
    results: Path,
    threads: int | None,
    parallel: int,
    planned: Collection[str] | None = None,
) -> None:
    """Print the number of runs to do and their time, by finished runs or else a few timed steps.

    To do are those of these names, or else all that are not done. Runs that the images do not
    suffice for are refused. Of the network of plain tensors only the starts of jobs are timed.
    """
    finished = [run for run in runs if is_done(run, results)]
    if planned is None:
        waiting = [run for run in runs if run not in finished]
    else:
        waiting = [run for run in runs if run.id in planned]
    if not waiting:
        return
    files.require_writable(results)
    images = prepared_images(results)
    if images is not None:
        require_images(waiting, images)
    start = _start_seconds(finished, results)
    costs = Costs([run for run in finished if isinstance(run, Run)], results, threads)
    training = sum(
        costs.seconds_per_step(run) * _steps(run, images or TRAINING_IMAGES)
        for run in waiting
        if isinstance(run, Run)
    )
    origin = "a few timed steps" if costs.timed else "finished runs"
    seconds = (training + start * len(waiting)) / parallel
    print(
        f"{len(waiting)} of {len(runs)} training runs are to do: about {about(seconds)} here, "
        f"by {origin}.",
        file=sys.stderr,
    )
    if seconds > LONG_SECONDS:
        print(
            "For less, set in config.yaml or in a file given with --configfile: "
            "split.train_images, bands.epochs and width, probe.steps and width, fewer "
            "learning_rates and seeds, network.split.train_images, network.base.epochs; or leave "
            "out a part with bands: null, probe: null or network: null. "
            "Ctrl-C stops now or later; the same command resumes.",
            file=sys.stderr,
        )


def _start_seconds(finished: Sequence[Run | PlainRun], results: Path) -> float:
    """Of a job beside its training: as finished ones took, or else as this process did so far."""
    done = [files.read_json(results / run.id / "run.json") for run in finished]
    if not done:
        return time.monotonic() - STARTED
    return float(mean(job["total_seconds"] - job["train_seconds"] for job in done))


class Costs:
    """Seconds per step of every kind of run: known, timed, or by what it computes.

    A study has dozens of kinds of network, too many to time each: these are taken to compute as
    fast as the kind that was timed, which flatters small ones.
    """

    def __init__(self, finished: Sequence[Run], results: Path, threads: int | None):
        self.finished, self.results, self.threads = finished, results, threads
        self.timed: dict[str, float] = {}
        self._flops: dict[str, int] = {}
        self._rate = 0.0  # floating-point operations a second, of the kind timed last

    def seconds_per_step(self, run: Run) -> float:
        known = _seconds_per_step(run, self.finished, self.results)
        if known is not None:
            return known
        kind = run.model_dump_json(exclude={"seed", "learning_rate", "name", "tested"})
        if run.study == "network" and self.timed:
            return self._step_flops(run) / self._rate
        if kind not in self.timed:
            self.timed[kind] = measure_seconds_per_step(run, self.threads)
            self._rate = self._step_flops(run) / self.timed[kind]
        return self.timed[kind]

    def _step_flops(self, run: Run) -> float:
        kind = run.architecture.model_dump_json()
        if kind not in self._flops:
            self._flops[kind] = training_flops(models.build(run.architecture, run.seed))
        return float(self._flops[kind] * run.batch_size)


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
    plain = (time.monotonic() - started) / TIMED
    passes = 1.0
    if run.same_batch_every_steps:
        passes += 2 / run.same_batch_every_steps
    if run.probe:
        passes += (1 + HESSIAN_PASSES + len(run.probe.relative_step_sizes)) / run.probe.every
    return plain * passes


def _seconds_per_step(run: Run, finished: Sequence[Run], results: Path) -> float | None:
    """The mean over finished runs that differ in learning rate and seed only."""
    alike = {"seed", "learning_rate", "steps", "epochs", "split"}
    same = [r for r in finished if r.model_dump(exclude=alike) == run.model_dump(exclude=alike)]
    costs = [_cost(files.read_json(results / other.id / "run.json")) for other in same]
    return sum(costs) / len(costs) if costs else None


def _cost(done: dict[str, Any]) -> float:
    steps = done["steps"] if done["status"] == "completed" else max(1, done["diverged_at_step"])
    return float(done["train_seconds"] / steps)


def _steps(run: Run, images: int) -> int:
    if run.steps:
        return run.steps
    count = run.split.train_images or images - run.split.validation_images
    return -(-count // run.batch_size) * (run.epochs or 0)
