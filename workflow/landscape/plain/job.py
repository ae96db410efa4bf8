"""One training job of the plain network: from settings to files, resumed where it was killed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from landscape.config.runs import PlainRun
from landscape.data.batches import Batches
from landscape.plain.loss import CrossEntropy
from landscape.plain.network import build
from landscape.plain.optimizer import MomentumSGD, scheduled
from landscape.runtime import device as devices
from landscape.storage import files
from landscape.training.checkpoint import CHECKPOINT_SECONDS
from landscape.training.session import Session, complete


class Job(Session):
    """A plain network and its optimizer."""

    def __init__(self, run: PlainRun, results: Path, device: torch.device):
        super().__init__(run, results, device)
        self.run = run
        self.network = build(run.filters, run.neurons, run.seed, self.classes).to(device)
        parameters = self.network.parameters
        self.optimizer = MomentumSGD(parameters, run.momentum, run.weight_decay)
        self._step = 0
        # (loss, images classified correctly) of every step, on the device until they are looked at
        self.history = torch.full((self.steps, 2), torch.nan, device=device)

    @property
    def step(self) -> int:
        return self._step

    def walk(self, after_update: Callable[[], bool]) -> None:
        while self._step < self.steps:
            self._update()
            if not after_update():
                return

    def _update(self) -> None:
        inputs, labels = self.batches.batch(self._step)
        cross_entropy = CrossEntropy()
        logits = self.network.forward(inputs)
        loss = cross_entropy.forward(logits, labels)
        self.network.backward(cross_entropy.backward(1.0))
        rate = scheduled(self.run.learning_rate, self._step, self.steps)
        self.optimizer.step(self.network.gradients, rate)
        correct = (logits.argmax(1) == labels).sum()
        self.history[self._step] = torch.stack([loss, correct.to(loss.dtype)])
        self._step += 1

    def _live(self) -> dict[str, torch.Tensor]:
        return self.network.parameters | self.network.buffers

    def state_dict(self) -> dict[str, Any]:
        return {
            "step": self._step,
            "weights": self._live(),
            "velocity": self.optimizer.velocity,
            "history": self.history[: self._step].clone(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for own, saved in (
            (self._live(), state["weights"]),
            (self.optimizer.velocity, state["velocity"]),
        ):
            for name, tensor in own.items():
                tensor.copy_(saved[name])
        self._step = state["step"]
        self.history[: self._step] = state["history"]

    def last_loss(self) -> float:
        return float(self.history[self._step - 1, 0])

    def check(self) -> int | None:
        """A run diverges where its loss is not finite."""
        lost = torch.nonzero(~self.history[: self._step, 0].isfinite())
        return int(lost[0]) if len(lost) else None

    def means(self, first: int, last: int, sizes: np.ndarray) -> tuple[float, float]:
        rows = self.history[first:last].cpu().double().numpy()
        return float(np.average(rows[:, 0], weights=sizes)), float(rows[:, 1].sum() / sizes.sum())

    def evaluate(self, batches: Batches) -> tuple[float, float]:
        self.network.train(False)
        losses, correct = [], []
        for inputs, labels in batches:
            logits = self.network.forward(inputs)
            losses.append(CrossEntropy().forward(logits, labels) * len(labels))
            correct.append((logits.argmax(1) == labels).sum())
        self.network.train()
        images = len(batches.labels)
        return float(torch.stack(losses).sum()) / images, int(torch.stack(correct).sum()) / images

    def weights(self) -> dict[str, torch.Tensor]:
        return {name: tensor.contiguous() for name, tensor in self._live().items()}

    def tables(self, steps: int) -> dict[str, pd.DataFrame]:
        """The first `steps` steps; epochs count from 1."""
        rows = self.history[:steps].cpu().numpy()
        table = pd.DataFrame(rows, columns=["loss", "correct"])
        table.insert(0, "step", range(steps))
        table.insert(1, "epoch", table["step"] // len(self.batches) + 1)
        kinds = {"correct": "int32", "step": "int32", "epoch": "int32"}
        return {"steps.parquet": table.astype(kinds)}

    def facts(self, steps: int) -> dict[str, Any]:
        return {"parameters": sum(value.numel() for value in self.network.parameters.values())}


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
    files.require_writable(results / run.id)
    device = devices.resolve(run.device)
    devices.prepare(device, run.precision, threads)
    complete(Job(run, results, device), checkpoint_seconds)
