"""One training job: from a run's settings to its files, resumed where it was killed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from landscape.config.runs import Run
from landscape.data.batches import Batches, normalized
from landscape.measure.accuracy import evaluate, once, six_views
from landscape.measure.flops import forward_flops, training_flops
from landscape.models import registry as models
from landscape.runtime import device as devices
from landscape.storage import files
from landscape.training import cuda_graphs
from landscape.training.checkpoint import CHECKPOINT_SECONDS
from landscape.training.recorder import Recorder
from landscape.training.session import EPOCHS, Session, complete
from landscape.training.snapshots import Snapshots
from landscape.training.trajectory import State, trajectory

FITTED_IMAGES = 2000  # that a whitening layer is computed from


class Job(Session):
    """A network on its trajectory, and the recorder that measures it."""

    columns = [*EPOCHS, "train_flops"]

    def __init__(self, run: Run, results: Path, device: torch.device):
        super().__init__(run, results, device)
        self.run = run
        self.steps = run.steps or self.steps
        sample = normalized(self.training.pixels[:FITTED_IMAGES])
        self.state = State(run, device, self.classes, sample)
        self.recorder = Recorder(run, self.state, self.steps)
        self.kept = Snapshots(run.moments, self.state)
        self.predict = once
        self.flops: dict[int, int] = {}  # of training on an image, by its side
        self.captured = cuda_graphs.Captured("none", cuda_graphs.obstacle(run, self.state))

    @property
    def step(self) -> int:
        return self.state.step

    def walk(self, after_update: Callable[[], bool]) -> None:
        run, state, recorder = self.run, self.state, self.recorder
        self.kept.take()

        def then() -> bool:
            self.kept.take()
            return after_update()

        if self.captured.reason is None:
            self.captured = cuda_graphs.walk(run, state, self.batches, recorder, self.steps, then)
            return
        for step in trajectory(run, state, self.batches, self.steps, then):
            recorder.observe(step)

    def state_dict(self) -> dict[str, Any]:
        return {
            **self.state.state_dict(),
            "recorder": self.recorder.state_dict(),
            "snapshots": self.kept.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.state.load_state_dict(state)
        self.recorder.load_state_dict(state["recorder"])
        self.kept.load_state_dict(state["snapshots"])

    def last_loss(self) -> float:
        return self.recorder.last_loss()

    def check(self) -> int | None:
        return self.recorder.check()

    def means(self, first: int, last: int, sizes: np.ndarray) -> tuple[float, float]:
        return self.recorder.means(first, last, sizes)

    def evaluate(self, batches: Batches) -> tuple[float, float]:
        """Of the averaged weights, where the run keeps an average."""
        with self.state.averaged():
            return evaluate(self.state.model, batches, self.predict)

    def weights(self) -> dict[str, torch.Tensor]:
        with self.state.averaged():
            return {
                name: tensor.clone(memory_format=torch.contiguous_format)
                for name, tensor in self.state.model.state_dict().items()
            }

    def snapshots(self) -> dict[str, torch.Tensor]:
        return self.kept.tensors()

    def tables(self, steps: int) -> dict[str, pd.DataFrame]:
        found = {"steps.parquet": self.recorder.steps_table(steps, len(self.batches))}
        if self.run.probe:
            found["probe.parquet"] = self.recorder.probe_table(steps)
        return found

    def facts(self, steps: int) -> dict[str, Any]:
        return {
            "test_accuracy_augmented": self._augmented_accuracy(),
            "parameters": models.count_parameters(self.state.model),
            "flops": forward_flops(self.state.model),
            "train_flops": self.train_flops(steps),
            "captured": self.captured.kinds,
            "not_captured": self.captured.reason,
        }

    def epoch_facts(self) -> dict[str, Any]:
        return {"train_flops": self.train_flops(self.step)}

    def _augmented_accuracy(self) -> float | None:
        """Test accuracy over six views of each image, where the run asks for it."""
        if not (self.run.tested and self.run.test_time_augmentation):
            return None
        self.predict = six_views
        try:
            return self.scores(self.test)[1]
        finally:
            self.predict = once

    def train_flops(self, steps: int) -> int:
        """Floating-point operations of the first `steps` steps, measuring not included.

        SAM's second pass counts; an epoch on smaller images counts as what it costs.
        """
        small = self.run.small_images
        passes = 2 if self.run.optimizer.sharpness_radius else 1
        images = np.resize(self.batch_sizes(), steps)
        is_small = np.arange(steps) / self.steps < (small.share if small else 0)
        total = int(images[~is_small].sum()) * self._flops_of_an_image()
        if small:
            total += int(images[is_small].sum()) * self._flops_of_an_image(small.size)
        return passes * total

    def _flops_of_an_image(self, side: int = 32) -> int:
        if side not in self.flops:
            self.flops[side] = training_flops(self.state.model, side)
        return self.flops[side]


def train(
    run: Run, results: Path, threads: int | None, checkpoint_seconds: float = CHECKPOINT_SECONDS
) -> None:
    """Train and measure one run; writes steps, epochs, model, probe (if it has one) and run.json.

    A run that diverges ends well, with that in its tables; one that is stopped exits with 128 plus
    the signal's number and is resumed, bit for bit, by the same call.
    """
    files.require_writable(results / run.id)
    device = devices.resolve(run.device)
    devices.prepare(device, run.precision, threads)
    complete(Job(run, results, device), checkpoint_seconds, run.tested)
