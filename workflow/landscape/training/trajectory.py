"""The trajectory: a model moving through parameter space, one optimizer update at a time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from landscape.config.runs import Run
from landscape.data.batches import Batches
from landscape.models import registry as models
from landscape.models.flat_parameters import FlatParameters
from landscape.models.network import Network
from landscape.optimizers import registry as optimizers
from landscape.optimizers import schedule
from landscape.runtime import device as devices
from landscape.runtime.randomness import seed_global
from landscape.training import losses


@dataclass(frozen=True)
class Step:
    """What is known between the backward pass and the update of step `index` (counted from 0).

    `parameters` are still θ_i [P], at which `loss` (a scalar, the batch's mean) and `gradient` [P]
    were taken. All are tensors on the device, never read here; parameters and gradient are those of
    the state, which the update changes.
    """

    index: int
    epoch: int
    inputs: torch.Tensor
    labels: torch.Tensor
    logits: torch.Tensor
    loss: torch.Tensor
    parameters: torch.Tensor
    gradient: torch.Tensor


class State:
    """Everything that the next step depends on: parameters, buffers, optimizer, step.

    `average` holds the running averages of the parameters [P] and of BatchNorm's statistics, where
    the run keeps them. `sample` are training images [B, 3, 32, 32] for networks that fit their
    first layer to the data.
    """

    def __init__(
        self,
        run: Run,
        device: torch.device,
        classes: int = 10,
        sample: torch.Tensor | None = None,
    ):
        model: Network = models.build(run.architecture, run.seed, classes, sample)
        self.model = model.to(device).train()
        self.flat = FlatParameters(self.model)
        saved = self.model.state_dict()  # a constant that a layer makes anew is not
        self.buffers = {n: buffer for n, buffer in self.model.named_buffers() if n in saved}
        self.optimizer = optimizers.build(run.optimizer, self.model, run.learning_rate)
        self.average = self._current() if run.average_decay else None
        self.average_share = self.flat.vector.new_zeros(())
        self.drops = any(isinstance(m, nn.Dropout) and m.p > 0 for m in self.model.modules())
        self.step = 0

    def state_dict(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "parameters": self.flat.vector,
            "buffers": self.buffers,
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.flat.vector.copy_(state["parameters"])
        for name, buffer in self.buffers.items():
            buffer.copy_(state["buffers"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average = state["average"]

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Inside the block the model is the running average, where there is one."""
        if self.average is None:
            yield
            return
        last = self._current()
        self._replace(self.average)
        try:
            yield
        finally:
            self._replace(last)

    def prepare_average(self, decay: float) -> None:
        """Set the weight of the coming update's parameters in the average.

        a ← d·a + (1 − d)·θ with d = min(`decay`, (1 + t)/(10 + t)) after t updates: at first it
        forgets faster, so that the initial weights do not stay in it.
        """
        if self.average is not None:
            done = self.step + 1
            self.average_share.fill_(1 - min(decay, (1 + done) / (10 + done)))

    def update_average(self) -> None:
        if self.average is not None:
            for name, value in self._live().items():
                self.average[name].lerp_(value, self.average_share)

    def _live(self) -> dict[str, torch.Tensor]:
        """What is averaged: all parameters as one vector, and every buffer of numbers."""
        floating = {n: buffer for n, buffer in self.buffers.items() if buffer.is_floating_point()}
        return {"parameters": self.flat.vector, **floating}

    def _current(self) -> dict[str, torch.Tensor]:
        return {name: value.clone() for name, value in self._live().items()}

    def _replace(self, values: dict[str, torch.Tensor]) -> None:
        for name, value in self._live().items():
            value.copy_(values[name])


def trajectory(
    run: Run,
    state: State,
    batches: Batches,
    steps: int,
    after_update: Callable[[], bool] = lambda: True,
) -> Iterator[Step]:
    """Yield each step after its backward pass and before its update, up to `steps` updates.

    Whoever reads a step may look at the model and its gradient but must leave them as they are.
    `after_update` is called when the update is made, the moment at which `state` is complete, and
    says whether to continue.
    """
    update = Update(run, state, steps)
    while state.step < steps:
        update.prepare()
        inputs, targets = batches.batch(state.step)
        yield update.backward(inputs, targets, state.step // len(batches))
        update.move()
        state.step += 1
        if not after_update():
            return


class Update:
    """One optimizer update in its parts: `prepare`, `backward`, and after a look at it `move`.

    What depends on the step's number is prepared, as values on the device; the work of the other
    two is then the same at every step, so that it can be captured once and replayed.
    """

    def __init__(self, run: Run, state: State, steps: int):
        self.run, self.state, self.steps = run, state, steps
        self.loss = losses.build(run.loss)
        self._again: Callable[[], torch.Tensor] | None = None

    def prepare(self) -> None:
        """The coming update's learning rate, its share in the average, and its random draws."""
        self._seed()
        factor = schedule.factor(self.run.schedule, self.state.step, self.steps)
        optimizers.set_learning_rate(self.state.optimizer, factor)
        self.state.prepare_average(self.run.average_decay)

    def side(self, index: int) -> int | None:
        """Pixels to which the images of step `index` are made smaller; None: as they are."""
        small = self.run.small_images
        return small.size if small and index / self.steps < small.share else None

    def backward(self, inputs: torch.Tensor, targets: torch.Tensor, epoch: int) -> Step:
        """Logits and loss at the state's parameters; the gradient is left in `state.flat`."""
        side = self.side(self.state.step)
        if side is not None:
            shape = (side, side)
            inputs = nn.functional.interpolate(inputs, shape, mode="bilinear", antialias=True)
        logits, loss = self._backward(inputs, targets)
        self._again = partial(self._elsewhere, inputs, targets)
        labels, flat = losses.classes(targets), self.state.flat
        return Step(
            self.state.step, epoch, inputs, labels, logits, loss, flat.vector, flat.gradient
        )

    def move(self) -> None:
        """The optimizer's update with that gradient, and the average's."""
        again = self._again if self.run.optimizer.sharpness_radius else None
        self.state.optimizer.step(again)  # type: ignore[arg-type]
        self.state.update_average()

    def _backward(
        self, inputs: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The L1 penalty λ‖θ‖₁ is part of the gradient, λ sign θ, not of the loss on record."""
        run, flat = self.run, self.state.flat
        with devices.training_precision(flat.vector.device, run.precision):
            logits = self.state.model(inputs)
        logits = logits.to(flat.vector.dtype)  # the loss is taken in the parameters' own precision
        loss = self.loss(logits, targets)
        flat.differentiate(loss)
        if run.loss.l1:
            flat.gradient.add_(flat.vector.sign(), alpha=run.loss.l1)
        return logits.detach(), loss.detach()

    def _elsewhere(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """SAM's second pass: it drops the same units, and running statistics, which have seen this
        batch already, stay."""
        buffers = list(self.state.buffers.values())
        before = [buffer.clone() for buffer in buffers]
        self._seed()
        _, loss = self._backward(inputs, targets)
        if buffers:
            torch._foreach_copy_(buffers, before)
        return loss

    def _seed(self) -> None:
        if self.state.drops:
            seed_global(self.run.seed, "dropout", self.state.step)
