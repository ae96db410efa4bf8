"""The networks for short runs, timed from images on the device to the last update.

Timed as in airbench (Jordan 2024): after one warm-up run, each seed is trained from initial weights
and evaluated on six views of the test images. The time includes the first layer's whitening and
every epoch's augmentation, and here also the capture of CUDA graphs.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from landscape.config.runs import Run
from landscape.config.study import Study
from landscape.data import dataset
from landscape.data.batches import Batches, normalized
from landscape.data.dataset import Images
from landscape.measure.accuracy import EVALUATION_BATCH, evaluate, six_views
from landscape.runtime import device as devices
from landscape.training import cuda_graphs
from landscape.training.job import FITTED_IMAGES
from landscape.training.recorder import Recorder
from landscape.training.trajectory import State, trajectory

NETWORKS = ("speedrun", "fast")


def sprints(study: Study, results: Path, device: torch.device) -> list[dict[str, Any]]:
    """A row for each of the `NETWORKS` that is a final network of the study, over its seeds."""
    runs = {name: [r for r in study.runs if r.name == f"final/{name}"] for name in NETWORKS}
    return [{"network": name, **timed(own, results, device)} for name, own in runs.items() if own]


def timed(runs: Sequence[Run], results: Path, device: torch.device) -> dict[str, Any]:
    """Lists with an entry for each of these runs of one recipe; the first run also warms up."""
    whole = dataset.load(results / "data", "train")
    train, test = dataset.split(whole, runs[0].split)[0], dataset.load(results / "data", "test")
    resident = Images(train.pixels.to(device), train.labels.to(device))
    tested = Batches(test, EVALUATION_BATCH, device=device)
    sample = normalized(train.pixels[:FITTED_IMAGES])
    with devices.tf32_allowed(runs[0].precision == "tf32"):
        rows = [_one(run, resident, sample, tested, device) for run in (runs[0], *runs)][1:]
    return {
        "seeds": [run.seed for run in runs],
        **{key: [row[key] for row in rows] for key in rows[0]},
    }


def _one(
    run: Run, images: Images, sample: torch.Tensor, test: Batches, device: torch.device
) -> dict[str, float | str]:
    """Seconds of a run and of its evaluation on six views of the test images, and accuracies."""
    clock = Clock(device)
    state = State(run, device, sample=sample)
    batches = Batches(images, run.batch_size, run.seed, device, run.augmentation)
    steps = run.steps or len(batches) * (run.epochs or 0)
    recorder = Recorder(run, state, steps)
    captured = "none"
    clock.mark("start_seconds")
    if cuda_graphs.obstacle(run, state) is None:
        captured = cuda_graphs.walk(run, state, batches, recorder, steps).kinds
    else:
        for step in trajectory(run, state, batches, steps):
            recorder.observe(step)
    clock.mark("steps_seconds")
    with state.averaged(), devices.measuring_precision(device):
        in_six_views = evaluate(state.model, test, six_views)[1]
        clock.mark("six_views_seconds")
        accuracy = evaluate(state.model, test)[1]
    return {
        **clock.seconds(),
        "six_views_accuracy": in_six_views,
        "accuracy": accuracy,
        "captured": captured,
    }


class Clock:
    """Seconds between marks: by CUDA events on a GPU, otherwise by the clock."""

    def __init__(self, device: torch.device):
        self.device = device
        self.marks: list[tuple[str, Any]] = []
        self.mark("")

    def mark(self, name: str) -> None:
        """Mark the end of `name`, which started at the previous mark."""
        if self.device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record()
            self.marks.append((name, event))
        else:
            self.marks.append((name, time.perf_counter()))

    def seconds(self) -> dict[str, float]:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        pairs = zip(self.marks, self.marks[1:], strict=False)
        return {name: self._between(before, now) for (_, before), (name, now) in pairs}

    def _between(self, before: Any, now: Any) -> float:
        if self.device.type == "cuda":
            return float(before.elapsed_time(now)) / 1000
        return float(now - before)
