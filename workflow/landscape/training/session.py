"""The work of a training job around its updates: data, clock, saved state, and files.

A session between two updates is complete: it can be saved there and gone on with, bit for bit.
"""

import math
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save as safetensors_bytes

from landscape import STARTED
from landscape.config.runs import PlainRun, Run
from landscape.data import dataset
from landscape.data.batches import Batches
from landscape.errors import UserError, is_out_of_memory
from landscape.measure.accuracy import EVALUATION_BATCH
from landscape.provenance import versions
from landscape.provenance.run_fingerprint import training_code
from landscape.runtime import device as devices
from landscape.runtime.signals import stop_requests
from landscape.runtime.stopwatch import Stopwatch
from landscape.storage.files import (
    remove_temporaries,
    require_space,
    sha256_file,
    write_bytes,
    write_sealed_json,
)
from landscape.storage.tables import write_table
from landscape.training import checkpoint
from landscape.training.progress import Progress

CHECK_EVERY = 100  # steps between looks for divergence: the only waits for the device in the loop
STEP_BYTES = 100  # of a step's row in the history, about
EPOCHS = ["epoch", "train_loss", "train_accuracy", "validation_accuracy", "seconds"]

Scores = tuple[float | None, float | None]  # loss and accuracy; none of no images


class Session(ABC):
    """A run in the making; what it trains, and how, is its subclass's."""

    columns = EPOCHS  # of epochs.csv

    def __init__(self, run: Run | PlainRun, results: Path, device: torch.device):
        self.folder, self.device = results / run.id, device
        data = results / "data"
        description = dataset.describe(data)
        self.class_names = description["class_names"]
        self.classes = len(self.class_names)
        self.training, validation = dataset.split(dataset.load(data, "train"), run.split)
        augmentation = run.augmentation if isinstance(run, Run) else None
        self.batches = Batches(self.training, run.batch_size, run.seed, device, augmentation)
        self.validation = Batches(validation, EVALUATION_BATCH, device=device)
        self.test = Batches(dataset.load(data, "test"), EVALUATION_BATCH, device=device)
        self.steps = len(self.batches) * (run.epochs or 0)
        self.epochs: list[dict[str, Any]] = []
        self.watch = Stopwatch()
        self.earlier_seconds = 0.0  # of the processes that this one resumes from
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
        self.id = run.id

    @property
    @abstractmethod
    def step(self) -> int:
        """Updates made so far."""

    @abstractmethod
    def walk(self, after_update: Callable[[], bool]) -> None:
        """Make the updates that remain; `after_update` says after each whether to go on."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Everything that the next update and the tables depend on."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None: ...

    @abstractmethod
    def last_loss(self) -> float: ...

    @abstractmethod
    def check(self) -> int | None:
        """The first step that diverged, if one did; waits for the device."""

    @abstractmethod
    def means(self, first: int, last: int, sizes: np.ndarray) -> tuple[float, float]:
        """(loss, accuracy) over the images of steps [first, last), whose batches had `sizes`."""

    @abstractmethod
    def evaluate(self, batches: Batches) -> tuple[float, float]:
        """(mean cross-entropy, accuracy) over images, in evaluation mode."""

    @abstractmethod
    def weights(self) -> dict[str, torch.Tensor]:
        """Parameters and buffers, by name, to be written."""

    def snapshots(self) -> dict[str, torch.Tensor]:
        """Weights of earlier steps, by step and name; none unless the run keeps some."""
        return {}

    @abstractmethod
    def tables(self, steps: int) -> dict[str, pd.DataFrame]:
        """The run's tables over its first `steps` steps, by file name."""

    @abstractmethod
    def facts(self, steps: int) -> dict[str, Any]:
        """What run.json says beside what it says of every run."""

    def epoch_facts(self) -> dict[str, Any]:
        """Columns of epochs.csv beside those of every run."""
        return {}

    def resume(self) -> None:
        """Go on from the newest state that is whole and made by the same run, code and machine."""
        saved = checkpoint.load(self.checkpoint, self.identity, self.device)
        if saved is None:
            return
        self.load_state_dict(saved["state"])
        self.epochs, self.watch.seconds = saved["epochs"], saved["train_seconds"]
        self.earlier_seconds = saved["total_seconds"]
        print(f"{self.id}: resumes from step {self.step}", file=sys.stderr)

    def require_space(self) -> None:
        """Refuse to train what cannot be saved: three states (the newest, the one before, the one
        that is being written), weights and tables, less what lies there already.
        """
        weights = _size(self.weights())
        # An optimizer makes its moments at its first step: at most two of each weight.
        state = _size(self.state_dict()) + 2 * weights
        generations = (self.checkpoint, checkpoint.previous(self.checkpoint))
        there = sum(path.stat().st_size for path in generations if path.exists())
        tables = STEP_BYTES * self.steps
        require_space(self.folder, 3 * (state + tables) + weights + tables - there)

    @property
    def total_seconds(self) -> float:
        return self.earlier_seconds + time.monotonic() - STARTED

    def save(self) -> None:
        self.watch.stop()
        content = {
            "state": self.state_dict(),
            "epochs": self.epochs,
            "train_seconds": self.watch.seconds,
            "total_seconds": self.total_seconds,
        }
        checkpoint.save(self.checkpoint, content, self.identity)
        self.watch.start()

    def train(self, checkpoint_seconds: float) -> None:
        """Update to the end, or to where it diverges; exit when asked to stop."""
        saved_at = time.monotonic()
        with (
            Progress(self.id, self.folder, self.steps, self.step) as shown,
            stop_requests() as stop,
        ):

            def after_update() -> bool:
                nonlocal saved_at
                self._look_for_divergence()
                if self.diverged_at is not None:
                    return False
                if shown.due(self.step):
                    shown.report(self.step, self.last_loss())
                if stop:
                    self.save()
                    sys.exit(stop.exit_code)
                if time.monotonic() - saved_at >= checkpoint_seconds:
                    self.save()
                    saved_at = time.monotonic()
                return True

            self.watch.start()
            self.walk(after_update)
            self.watch.stop()

    def _look_for_divergence(self) -> None:
        """At fixed steps only, so that interruptions do not change what a diverged run leaves."""
        epoch_ends = self.step % len(self.batches) == 0 or self.step == self.steps
        if epoch_ends or self.step % CHECK_EVERY == 0:
            self.diverged_at = self.check()
            self.watch.stop()
            if epoch_ends and self.diverged_at is None:
                self.epochs.append(self._epoch_row())
            self.watch.start()

    def _epoch_row(self) -> dict[str, Any]:
        """The epoch that ends here: training figures as they arose, in training mode."""
        epoch = len(self.epochs)
        first, last = epoch * len(self.batches), self.step
        loss, accuracy = self.means(first, last, self.batch_sizes()[: last - first])
        return {
            "epoch": epoch + 1,
            "train_loss": loss,
            "train_accuracy": accuracy,
            "validation_accuracy": self.scores(self.validation)[1],
            "seconds": self.watch.seconds,
            **self.epoch_facts(),
        }

    def batch_sizes(self) -> np.ndarray:
        """Images in each batch of an epoch; the last one holds what remains."""
        sizes = np.full(len(self.batches), self.batches.batch_size)
        sizes[-1] = len(self.batches.labels) - (len(self.batches) - 1) * self.batches.batch_size
        return sizes

    def scores(self, batches: Batches) -> Scores:
        """(loss, accuracy) in float32; none of no images and of a run that diverged."""
        if len(batches.labels) == 0 or self.diverged_at is not None:
            return None, None
        with devices.measuring_precision(self.device):
            return self.evaluate(batches)

    def finish(self, tested: bool = True) -> None:
        """Write the run's files; run.json, the proof that it is complete, is the last."""
        test_loss, test_accuracy = self.scores(self.test) if tested else (None, None)
        if test_loss is not None and not math.isfinite(test_loss):
            self.diverged_at = self.steps  # the last update is where it was lost
            test_loss = test_accuracy = None
        steps = self.steps if self.diverged_at is None else self.diverged_at
        weights = {"model.safetensors": self.weights(), "snapshots.safetensors": self.snapshots()}
        weights = {name: tensors for name, tensors in weights.items() if tensors}
        for name, tensors in weights.items():
            write_bytes(self.folder / name, safetensors_bytes(tensors))
        tables = {"epochs.csv": pd.DataFrame(self.epochs, columns=self.columns)}
        tables = {**self.tables(steps), **tables}
        for name, table in tables.items():
            write_table(self.folder / name, table)
        summary = {
            "id": self.id,
            "status": "completed" if self.diverged_at is None else "diverged",
            "diverged_at_step": self.diverged_at,
            "steps": self.steps,
            "class_names": self.class_names,
            "train_images": len(self.batches.labels),
            "validation_images": len(self.validation.labels),
            "test_accuracy": test_accuracy,
            "test_loss": test_loss,
            **self.facts(steps),
            "train_seconds": self.watch.seconds,
            "total_seconds": self.total_seconds,
            "versions": versions.versions(),
            "git_commit": versions.git_commit(),
            "finished": datetime.now(UTC).date().isoformat(),
            "files": {name: sha256_file(self.folder / name) for name in (*weights, *tables)},
            **self.identity,
        }
        write_sealed_json(self.folder / "run.json", summary)
        checkpoint.delete(self.checkpoint)
        remove_temporaries(self.folder)


def _size(values: Any) -> int:
    """Bytes of all tensors in nested dictionaries and sequences."""
    if isinstance(values, torch.Tensor):
        return values.nbytes
    if isinstance(values, dict):
        values = list(values.values())
    return sum(map(_size, values)) if isinstance(values, list | tuple) else 0


def complete(session: Session, checkpoint_seconds: float, tested: bool = True) -> None:
    """Train a session to its end and write its files, from its saved state where there is one.

    Out of memory, it ends with a sentence. The batch size stays what it is: it is part of the
    experiment, and a smaller one would be another one's numbers.
    """
    try:
        (session.folder / "run.json").unlink(missing_ok=True)  # the proof of an earlier training
        session.resume()
        session.require_space()
        session.train(checkpoint_seconds)
        session.finish(tested)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        reason = str(error).partition("\n")[0] or "the machine's"
        raise UserError(
            f"{session.id}: out of memory at step {session.step} of {session.steps}, with batches "
            f"of {session.batches.batch_size} images on {devices.name(session.device)} ({reason}). "
            "With more memory, or fewer jobs side by side, the same command resumes from the last "
            "saved state"
        ) from None
