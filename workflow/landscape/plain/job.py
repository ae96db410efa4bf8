"""One training job of the plain network: from settings to files, resumed where it was killed."""

import math
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import save as safetensors_bytes

from landscape import STARTED, checkpoint, dataset, provenance, storage
from landscape import device as devices
from landscape.checkpoint import CHECKPOINT_SECONDS
from landscape.loaders import Batches
from landscape.measure.accuracy import EVALUATION_BATCH
from landscape.plain.loss import CrossEntropy
from landscape.plain.network import build
from landscape.plain.optimizer import MomentumSGD, scheduled
from landscape.progress import Progress
from landscape.runs import PlainRun
from landscape.signals import stop_requests
from landscape.stopwatch import Stopwatch
from landscape.training_code import training_code

CHECK_EVERY = 100  # steps between looks for divergence
EPOCHS = ["epoch", "train_loss", "train_accuracy", "validation_accuracy", "seconds"]


class Job:
    """A run in the making; between two updates its state is complete."""

    def __init__(self, run: PlainRun, results: Path, device: torch.device):
        self.run, self.folder, self.device = run, results / run.id, device
        data = results / "data"
        description = dataset.describe(data)
        training, validation = dataset.split(dataset.load(data, "train"), run.split)
        self.batches = Batches(training, run.batch_size, run.seed, device)
        self.validation = Batches(validation, EVALUATION_BATCH, device=device)
        self.test = Batches(dataset.load(data, "test"), EVALUATION_BATCH, device=device)
        self.steps = run.epochs * len(self.batches)
        classes = len(description["class_names"])
        self.network = build(run.filters, run.neurons, run.seed, classes).to(device)
        parameters = self.network.parameters
        self.optimizer = MomentumSGD(parameters, run.momentum, run.weight_decay)
        self.step = 0
        # (loss, images classified correctly) of every step, on the device until they are looked at
        self.history = torch.full((self.steps, 2), torch.nan, device=device)
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
        }

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        return self.network.parameters | self.network.buffers

    @property
    def total_seconds(self) -> float:
        return self.earlier_seconds + time.monotonic() - STARTED

    def resume(self) -> None:
        """Go on from the newest state that is whole and made by the same run, code and machine."""
        saved = checkpoint.load(self.checkpoint, self.identity, self.device)
        if saved is None:
            return
        for own, tensors in (
            (self.weights, saved["weights"]),
            (self.optimizer.velocity, saved["velocity"]),
        ):
            for name, tensor in own.items():
                tensor.copy_(tensors[name])
        self.step = saved["step"]
        self.history[: self.step] = saved["history"]
        self.epochs, self.watch.seconds = saved["epochs"], saved["train_seconds"]
        self.earlier_seconds = saved["total_seconds"]
        print(f"{self.run.id}: goes on from step {self.step}", file=sys.stderr)

    def save(self) -> None:
        self.watch.stop()
        content = {
            "step": self.step,
            "weights": self.weights,
            "velocity": self.optimizer.velocity,
            "history": self.history[: self.step].clone(),
            "epochs": self.epochs,
            "train_seconds": self.watch.seconds,
            "total_seconds": self.total_seconds,
        }
        checkpoint.save(self.checkpoint, content, self.identity)
        self.watch.start()

    def train(self, checkpoint_seconds: float) -> None:
        """Update to the end, or to where the loss is not finite; exit when asked to stop."""
        saved_at = time.monotonic()
        with (
            Progress(self.run.id, self.folder, self.steps, self.step) as shown,
            stop_requests() as stop,
        ):
            self.watch.start()
            while self.step < self.steps:
                self._update()
                self._look_for_divergence()
                if self.diverged_at is not None:
                    break
                if shown.due(self.step):
                    shown.report(self.step, float(self.history[self.step - 1, 0]))
                if stop:
                    self.save()
                    sys.exit(stop.exit_code)
                if time.monotonic() - saved_at >= checkpoint_seconds:
                    self.save()
                    saved_at = time.monotonic()
            self.watch.stop()

    def _update(self) -> None:
        inputs, labels = self.batches.batch(self.step)
        cross_entropy = CrossEntropy()
        logits = self.network.forward(inputs)
        loss = cross_entropy.forward(logits, labels)
        self.network.backward(cross_entropy.backward(1.0))
        rate = scheduled(self.run.learning_rate, self.step, self.steps)
        self.optimizer.step(self.network.gradients, rate)
        correct = (logits.argmax(1) == labels).sum()
        self.history[self.step] = torch.stack([loss, correct.to(loss.dtype)])
        self.step += 1

    def _look_for_divergence(self) -> None:
        """At fixed steps only, so that interruptions do not change what a diverged run leaves."""
        epoch_ends = self.step % len(self.batches) == 0
        if epoch_ends or self.step % CHECK_EVERY == 0:
            lost = torch.nonzero(~self.history[: self.step, 0].isfinite())
            self.diverged_at = int(lost[0]) if len(lost) else None
            self.watch.stop()
            if epoch_ends and self.diverged_at is None:
                self.epochs.append(self._epoch_row())
            self.watch.start()

    def _epoch_row(self) -> dict[str, Any]:
        """The epoch that ends here: training figures as they arose, in training mode."""
        images, full = len(self.batches.labels), self.batches.batch_size
        rows = self.history[self.step - len(self.batches) : self.step].cpu().double()
        sizes = torch.full((len(rows),), full, dtype=torch.float64)
        sizes[-1] = images - full * (len(rows) - 1)
        return {
            "epoch": self.step // len(self.batches),
            "train_loss": float(rows[:, 0] @ sizes) / images,
            "train_accuracy": float(rows[:, 1].sum()) / images,
            "validation_accuracy": self._evaluate(self.validation)[1],
            "seconds": self.watch.seconds,
        }

    def _evaluate(self, batches: Batches) -> tuple[float | None, float | None]:
        """(loss, accuracy) over images; none of no images and of a network that diverged."""
        images = len(batches.labels)
        if images == 0 or self.diverged_at is not None:
            return None, None
        self.network.train(False)
        losses, correct = [], []
        for inputs, labels in batches:
            logits = self.network.forward(inputs)
            losses.append(CrossEntropy().forward(logits, labels) * len(labels))
            correct.append((logits.argmax(1) == labels).sum())
        self.network.train()
        loss = float(torch.stack(losses).sum()) / images
        if not math.isfinite(loss):
            return None, None
        return loss, int(torch.stack(correct).sum()) / images

    def finish(self) -> None:
        """Write the run's files; run.json, the proof that it is complete, is the last."""
        test_loss, test_accuracy = self._evaluate(self.test)
        if test_loss is None and self.diverged_at is None:
            self.diverged_at = self.steps  # the last update is where it was lost
        steps = self.steps if self.diverged_at is None else self.diverged_at
        weights = {name: tensor.contiguous() for name, tensor in self.weights.items()}
        storage.write_bytes(self.folder / "model.safetensors", safetensors_bytes(weights))
        storage.write_table(self.folder / "steps.parquet", self._steps_table(steps))
        storage.write_table(self.folder / "epochs.csv", pd.DataFrame(self.epochs, columns=EPOCHS))
        summary = {
            "id": self.run.id,
            "status": "completed" if self.diverged_at is None else "diverged",
            "diverged_at_step": self.diverged_at,
            "steps": self.steps,
            "train_images": len(self.batches.labels),
            "validation_images": len(self.validation.labels),
            "parameters": sum(value.numel() for value in self.network.parameters.values()),
            "test_accuracy": test_accuracy,
            "test_loss": test_loss,
            "train_seconds": self.watch.seconds,
            "total_seconds": self.total_seconds,
            "precision": self.run.precision,
            "versions": provenance.versions(),
            "git_commit": provenance.git_commit(),
            **self.identity,
        }
        storage.write_json(self.folder / "run.json", summary)
        checkpoint.delete(self.checkpoint)
        storage.remove_temporaries(self.folder)

    def _steps_table(self, steps: int) -> pd.DataFrame:
        """The first `steps` steps; epochs count from 1."""
        rows = self.history[:steps].cpu().numpy()
        table = pd.DataFrame(rows, columns=["loss", "correct"])
        table.insert(0, "step", range(steps))
        table.insert(1, "epoch", table["step"] // len(self.batches) + 1)
        return table.astype({"correct": "int32", "step": "int32", "epoch": "int32"})


def train(
    run: PlainRun,
    results: Path,
    threads: int | None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> None:
    """Train one plain network; writes steps, epochs, model and run.json.

    A run that diverges ends well, with that in its files; one that is stopped exits with 128 plus
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
