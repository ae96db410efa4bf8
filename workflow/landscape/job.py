"""One training job: from a run's settings to its files, resumed where it was killed."""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save as safetensors_bytes

from landscape import STARTED, checkpoint, dataset, models, provenance, storage
from landscape import device as devices
from landscape.checkpoint import CHECKPOINT_SECONDS
from landscape.loaders import Batches, normalized
from landscape.measure.accuracy import EVALUATION_BATCH, Predict, evaluate, once, six_views
from landscape.measure.flops import forward_flops, training_flops
from landscape.progress import Progress
from landscape.record import Recorder
from landscape.runs import Run
from landscape.signals import stop_requests
from landscape.stopwatch import Stopwatch
from landscape.train import State, trajectory
from landscape.training_code import training_code

CHECK_EVERY = 100  # steps between looks for divergence: the only waits for the device in the loop
FITTED_IMAGES = 2000  # that a whitening layer is computed from
EPOCHS = ["epoch", "train_loss", "train_accuracy", "validation_accuracy", "seconds", "train_flops"]


class Job:
    """A run in the making; between two updates its state is complete."""

    def __init__(self, run: Run, results: Path, device: torch.device):
        self.run, self.folder, self.device = run, results / run.id, device
        data = results / "data"
        description = dataset.describe(data)
        training, validation = dataset.split(dataset.load(data, "train"), run.split)
        self.batches = Batches(training, run.batch_size, run.seed, device, run.augmentation)
        self.validation = Batches(validation, EVALUATION_BATCH, device=device)
        self.test = Batches(dataset.load(data, "test"), EVALUATION_BATCH, device=device)
        self.steps = run.steps or len(self.batches) * (run.epochs or 0)
        sample = normalized(training.pixels[:FITTED_IMAGES])
        self.state = State(run, device, len(description["class_names"]), sample)
        self.recorder = Recorder(run, self.state, self.steps)
        self.epochs: list[dict[str, Any]] = []
        self.watch = Stopwatch()
        self.earlier_seconds = 0.0  # of the processes that this one goes on from
        self.diverged_at: int | None = None
        self.checkpoint = self.folder / "resume.state"
        self.identity = {
            "run": run.model_dump(mode="json"),
            "code": training_code(run),
            "data": description["sha256"],
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "device": devices.name(device),
            "precision": devices.chosen(device, run.precision),
        }

    def resume(self) -> None:
        """Go on from the newest state that is whole and made by the same run, code and machine."""
        saved = checkpoint.load(self.checkpoint, self.identity, self.device)
        if saved is None:
            return
        self.state.load_state_dict(saved["state"])
        self.recorder.load_state_dict(saved["recorder"])
        self.epochs, self.watch.seconds = saved["epochs"], saved["train_seconds"]
        self.earlier_seconds = saved["total_seconds"]
        print(f"{self.run.id}: goes on from step {self.state.step}", file=sys.stderr)

    @property
    def total_seconds(self) -> float:
        return self.earlier_seconds + time.monotonic() - STARTED

    def save(self) -> None:
        self.watch.stop()
        content = {
            "state": self.state.state_dict(),
            "recorder": self.recorder.state_dict(),
            "epochs": self.epochs,
            "train_seconds": self.watch.seconds,
            "total_seconds": self.total_seconds,
        }
        checkpoint.save(self.checkpoint, content, self.identity)
        self.watch.start()

    def train(self, checkpoint_seconds: float) -> None:
        """Walk the trajectory to its end, or to where it diverges; exit when asked to stop."""
        saved_at = time.monotonic()
        with (
            Progress(self.run.id, self.folder, self.steps, self.state.step) as shown,
            stop_requests() as stop,
        ):

            def after_update() -> bool:
                nonlocal saved_at
                self._look_for_divergence()
                if self.diverged_at is not None:
                    return False
                if shown.due(self.state.step):
                    shown.report(self.state.step, self.recorder.last_loss())
                if stop:
                    self.save()
                    sys.exit(stop.exit_code)
                if time.monotonic() - saved_at >= checkpoint_seconds:
                    self.save()
                    saved_at = time.monotonic()
                return True

            self.watch.start()
            for step in trajectory(self.run, self.state, self.batches, self.steps, after_update):
                self.recorder.observe(step)
            self.watch.stop()

    def _look_for_divergence(self) -> None:
        """At fixed steps only, so that interruptions do not change what a diverged run leaves."""
        done = self.state.step
        epoch_ends = done % len(self.batches) == 0 or done == self.steps
        if epoch_ends or done % CHECK_EVERY == 0:
            self.diverged_at = self.recorder.check()
            self.watch.stop()
            if epoch_ends and self.diverged_at is None:
                self.epochs.append(self._epoch_row())
            self.watch.start()

    def _epoch_row(self) -> dict[str, Any]:
        """The epoch that ends here: training figures as they arose, in training mode."""
        epoch = len(self.epochs)
        first, last = epoch * len(self.batches), self.state.step
        loss, accuracy = self.recorder.means(first, last, self._batch_sizes(first, last))
        return {
            "epoch": epoch + 1,
            "train_loss": loss,
            "train_accuracy": accuracy,
            "validation_accuracy": self._evaluate(self.validation)[1],
            "seconds": self.watch.seconds,
            "train_flops": self.train_flops(last),
        }

    def train_flops(self, steps: int) -> int:
        """Floating-point operations of the first `steps` steps, measuring not included.

        SAM's second pass counts; an epoch on smaller images counts as what it costs.
        """
        small = self.run.small_images
        passes = 2 if self.run.optimizer.sharpness_radius else 1
        images = np.resize(self._batch_sizes(0, len(self.batches)), steps)
        is_small = np.arange(steps) / self.steps < (small.share if small else 0)
        total = int(images[~is_small].sum()) * training_flops(self.state.model)
        if small:
            total += int(images[is_small].sum()) * training_flops(self.state.model, small.size)
        return passes * total

    def _batch_sizes(self, first: int, last: int) -> np.ndarray:
        sizes = np.full(len(self.batches), self.batches.batch_size)
        sizes[-1] = len(self.batches.labels) - (len(self.batches) - 1) * self.batches.batch_size
        return sizes[: last - first]

    def _evaluate(
        self, batches: Batches, predict: Predict = once
    ) -> tuple[float | None, float | None]:
        """(loss, accuracy) in float32; none of no images and of a model that diverged.

        Of the averaged weights, where the run keeps an average.
        """
        if len(batches.labels) == 0 or self.diverged_at is not None:
            return None, None
        with devices.measuring_precision(self.device), self.state.averaged():
            return evaluate(self.state.model, batches, predict)

    def finish(self) -> None:
        """Write the run's files; run.json, the proof that it is complete, is the last."""
        steps = self.state.step if self.diverged_at is None else self.diverged_at
        nothing = (None, None)
        tested, augmented = self.run.tested, self.run.test_time_augmentation
        test_loss, test_accuracy = self._evaluate(self.test) if tested else nothing
        views = self._evaluate(self.test, six_views) if tested and augmented else nothing
        with self.state.averaged():
            weights = {
                name: tensor.clone(memory_format=torch.contiguous_format)
                for name, tensor in self.state.model.state_dict().items()
            }
        storage.write_bytes(self.folder / "model.safetensors", safetensors_bytes(weights))
        table = self.recorder.steps_table(steps, len(self.batches))
        storage.write_table(self.folder / "steps.parquet", table)
        storage.write_table(self.folder / "epochs.csv", pd.DataFrame(self.epochs, columns=EPOCHS))
        if self.run.probe:
            storage.write_table(self.folder / "probe.parquet", self.recorder.probe_table(steps))
        summary = {
            "id": self.run.id,
            "status": "completed" if self.diverged_at is None else "diverged",
            "diverged_at_step": self.diverged_at,
            "steps": self.steps,
            "train_images": len(self.batches.labels),
            "validation_images": len(self.validation.labels),
            "parameters": models.count_parameters(self.state.model),
            "test_accuracy": test_accuracy,
            "test_loss": test_loss,
            "test_accuracy_augmented": views[1],
            "flops": forward_flops(self.state.model),
            "train_flops": self.train_flops(steps),
            "train_seconds": self.watch.seconds,
            "total_seconds": self.total_seconds,
            "versions": provenance.versions(),
            "git_commit": provenance.git_commit(),
            **self.identity,
        }
        storage.write_json(self.folder / "run.json", summary)
        checkpoint.delete(self.checkpoint)
        storage.remove_temporaries(self.folder)


def train(
    run: Run, results: Path, threads: int | None, checkpoint_seconds: float = CHECKPOINT_SECONDS
) -> None:
    """Train and measure one run; writes steps, epochs, model, probe (if it has one) and run.json.

    A run that diverges ends well, with that in its tables; one that is stopped exits with 128 plus
    the signal's number and is resumed, bit for bit, by the same call.
    """
    storage.require_writable(results / run.id)
    device = devices.resolve(run.device)
    devices.prepare(device, run.precision, threads)
    job = Job(run, results, device)
    (job.folder / "run.json").unlink(missing_ok=True)  # the proof of an earlier training
    job.resume()
    job.train(checkpoint_seconds)
    job.finish()
