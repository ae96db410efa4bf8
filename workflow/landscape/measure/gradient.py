"""The loss and its gradient anywhere in parameter space, without moving the model there."""

from collections.abc import Callable

import torch
from torch import nn
from torch.func import functional_call

from landscape.models.flat_parameters import FlatParameters

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def loss_and_gradient(
    model: nn.Module,
    flat: FlatParameters,
    point: torch.Tensor,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    loss_function: Loss,
) -> tuple[torch.Tensor, torch.Tensor]:
    """L (a scalar) and ∇L [P] of a batch at a point [P], in the model's mode.

    Nothing changes: the pass runs on copies of the parameters and the buffers, so that BatchNorm in
    training mode uses this batch's statistics and keeps its running ones. The network must not draw
    random numbers: each pass would be of another function.
    """
    with torch.enable_grad():
        loss, parameters = loss_at(model, flat, point, inputs, labels, loss_function)
        pieces = torch.autograd.grad(loss, parameters)
    return loss.detach(), joined(flat, pieces)


def loss_at(
    model: nn.Module,
    flat: FlatParameters,
    point: torch.Tensor,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    loss_function: Loss,
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """L with its graph, and the parameters at the point to differentiate it by."""
    parameters = {name: view.detach().requires_grad_() for name, view in flat.views(point).items()}
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    logits = functional_call(model, (parameters, buffers), (inputs,))
    return loss_function(logits, labels), tuple(parameters.values())


def joined(flat: FlatParameters, pieces: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Tensors of the parameters' shapes, in their order, as one vector [P]."""
    vector = torch.empty_like(flat.vector)
    for view, piece in zip(flat.views(vector).values(), pieces, strict=True):
        view.copy_(piece)
    return vector
