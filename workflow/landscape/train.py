"""The trajectory: a model moving through parameter space, one optimizer update at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from landscape import device as devices
from landscape import models, optimizers
from landscape.flat import FlatParameters
from landscape.loaders import Batches
from landscape.models.vgg import VGG
from landscape.runs import Run


@dataclass(frozen=True)
class Step:
    """What is known between the backward pass and the update of step `index` (counted from 0).

    The parameters are still θ_i, at which `loss` (a scalar, the batch's mean) and the gradient
    were taken; both are tensors on the device, never read here.
    """

    index: int
    epoch: int
    inputs: torch.Tensor
    labels: torch.Tensor
    logits: torch.Tensor
    loss: torch.Tensor


class State:
    """Everything that the next step depends on: parameters, buffers, optimizer, step."""

    def __init__(self, run: Run, device: torch.device, classes: int = 10):
        self.model: VGG = models.build(run.architecture, run.seed, classes).to(device).train()
        self.flat = FlatParameters(self.model)
        self.optimizer = optimizers.build(run.optimizer, self.model.parameters(), run.learning_rate)
        self.step = 0

    def state_dict(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "parameters": self.flat.vector,
            "buffers": dict(self.model.named_buffers()),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.flat.vector.copy_(state["parameters"])
        for name, buffer in self.model.named_buffers():
            buffer.copy_(state["buffers"][name])
        self.optimizer.load_state_dict(state["optimizer"])


def loss_function(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy, the mean over the batch, in the parameters' own precision."""
    return nn.functional.cross_entropy(logits, labels)


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
    says whether to go on.
    """
    device = state.flat.vector.device
    while state.step < steps:
        inputs, labels = batches.batch(state.step)
        state.flat.gradient.zero_()
        with devices.training_precision(device, run.precision):
            logits = state.model(inputs)
        logits = logits.to(state.flat.vector.dtype)
        loss = loss_function(logits, labels)
        loss.backward()  # type: ignore[no-untyped-call]
        epoch = state.step // len(batches)
        yield Step(state.step, epoch, inputs, labels, logits.detach(), loss.detach())
        state.optimizer.step()
        state.step += 1
        if not after_update():
            return
