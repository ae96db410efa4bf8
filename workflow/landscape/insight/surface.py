"""The loss around a trained network, in a plane of two random directions (Li et al. 2018)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pandas as pd
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy
from torch.nn.modules.batchnorm import _BatchNorm

from landscape.runtime.randomness import generator

Tensors = dict[str, torch.Tensor]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
MODE = "batch statistics"  # of BatchNorm: running averages are valid only at the centre
REACH = 1.0  # along each axis, in both directions


def direction(model: nn.Module, seed: int, index: int) -> Tensors:
    """Random direction `index`: normal, then d_f ← d_f · ‖θ_f‖ / ‖d_f‖ filter by filter.

    A filter θ_f is weight[f] of a convolution or linear layer, which computes one output. Biases,
    scales and shifts (one-dimensional) do not change. Names and shapes as the model's parameters.
    """
    drawn = generator(seed, "surface", index)
    found: Tensors = {}
    for name, parameter in model.named_parameters():
        value = parameter.detach()
        if value.ndim < 2:
            found[name] = torch.zeros_like(value)
            continue
        random = torch.empty(value.shape).normal_(generator=drawn).to(value)
        found[name] = random * (_norms(value) / _norms(random))
    return found


def surface(
    model: nn.Module,
    batches: Sequence[tuple[torch.Tensor, torch.Tensor]],
    directions: tuple[Tensors, Tensors],
    points: int,
    loss: Loss = cross_entropy,
) -> pd.DataFrame:
    """Rows x, y, loss: L(θ + x d₁ + y d₂) at `points` × `points` points of [-1, 1]².

    The mean over the images of `batches`, (inputs [B, 3, 32, 32], labels [B]) each. BatchNorm uses
    the statistics of the batch (`MODE`), dropout is off, and the network is not changed.
    """
    at = [REACH * k / (points - 1) for k in range(1 - points, points, 2)]  # exactly 0 in the middle
    parameters = {name: value.detach() for name, value in model.named_parameters()}
    first, second = directions
    rows = []
    with batch_statistics(model), torch.no_grad():
        for x in at:
            along = _moved(parameters, first, x)
            for y in at:
                rows.append((x, y, _mean_loss(model, _moved(along, second, y), batches, loss)))
    return pd.DataFrame(rows, columns=["x", "y", "loss"])


@contextmanager
def batch_statistics(model: nn.Module) -> Iterator[None]:
    """Inside the block, BatchNorm is in training mode and all other layers in evaluation mode."""
    before = {module: module.training for module in model.modules()}
    model.eval()
    for module in before:
        if isinstance(module, _BatchNorm):
            module.train()
    try:
        yield
    finally:
        for module, training in before.items():
            module.training = training


def _moved(parameters: Tensors, along: Tensors, by: float) -> Tensors:
    return {name: value.add(along[name], alpha=by) for name, value in parameters.items()}


def _mean_loss(
    model: nn.Module,
    parameters: Tensors,
    batches: Sequence[tuple[torch.Tensor, torch.Tensor]],
    loss: Loss,
) -> float:
    # Copies of the buffers: in training mode BatchNorm writes to its running averages.
    buffers = {name: value.clone() for name, value in model.named_buffers()}
    total, images = 0.0, 0
    for inputs, labels in batches:
        outputs = functional_call(model, {**parameters, **buffers}, (inputs,))
        total += float(loss(outputs, labels)) * len(labels)
        images += len(labels)
    return total / images


def _norms(weight: torch.Tensor) -> torch.Tensor:
    """‖weight[f]‖₂ of each filter, shaped to be multiplied with the weight."""
    norms: torch.Tensor = weight.flatten(1).norm(dim=1)
    return norms.reshape(-1, *[1] * (weight.ndim - 1))
