"""The Hessian of the loss, through its products with vectors."""

import torch
from torch import nn

from landscape.measure.gradient import Loss, joined, loss_at
from landscape.models.flat_parameters import FlatParameters


def hessian_vector_product(
    model: nn.Module,
    flat: FlatParameters,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    loss_function: Loss,
    vector: torch.Tensor,
) -> torch.Tensor:
    """Hv [P] of the batch's loss at the model's parameters, H = ∇²L, v = `vector` [P].

    By double backward (Pearlmutter 1994): the gradient of ⟨∇L, v⟩, exact where the loss has a
    second derivative. With ReLU and max pooling it is the Hessian of the linear piece that θ lies
    in: what changes where a kink is crossed is not in it. BatchNorm in training mode is
    differentiated through the batch's statistics, so that Hessians of parts of a batch do not add
    up to the batch's.

    Nothing changes, and nothing may be drawn at random, as in `gradient.loss_and_gradient`.
    """
    with torch.enable_grad():
        loss, parameters = loss_at(model, flat, flat.vector, inputs, labels, loss_function)
        gradient = torch.autograd.grad(loss, parameters, create_graph=True)
        along = flat.views(vector.detach()).values()
        slope = torch.stack([(g * v).sum() for g, v in zip(gradient, along, strict=True)]).sum()
        pieces = torch.autograd.grad(slope, parameters, materialize_grads=True)
    return joined(flat, pieces)
