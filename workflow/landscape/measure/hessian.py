"""The Hessian of the loss, through its products with vectors."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from landscape.measure.gradient import Loss, joined, loss_at
from landscape.models.flat_parameters import FlatParameters

Product = Callable[[torch.Tensor], torch.Tensor]  # v [n] → Hv [n]


class Hessian:
    """H = ∇²L of one batch at the model's parameters: v [P] → Hv [P], and `gradient` ∇L [P].

    By double backward (Pearlmutter 1994): the gradient of ⟨∇L, v⟩, exact where the loss has a
    second derivative. With ReLU and max pooling it is the Hessian of the linear piece that θ lies
    in: what changes where a kink is crossed is not in it. BatchNorm in training mode is
    differentiated through the batch's statistics, so that Hessians of parts of a batch do not add
    up to the batch's.

    The graph of the gradient is kept, so that each product costs only its own backward pass.
    Nothing changes, and nothing may be drawn at random, as in `gradient.loss_and_gradient`.
    """

    def __init__(
        self,
        model: nn.Module,
        flat: FlatParameters,
        inputs: torch.Tensor,
        labels: torch.Tensor,
        loss_function: Loss,
    ):
        self._flat = flat
        with torch.enable_grad():
            loss, self._parameters = loss_at(
                model, flat, flat.vector, inputs, labels, loss_function
            )
            self._gradient = torch.autograd.grad(loss, self._parameters, create_graph=True)
        self.loss = loss.detach()
        self.gradient = joined(flat, tuple(piece.detach() for piece in self._gradient))

    def __call__(self, vector: torch.Tensor) -> torch.Tensor:
        along = self._flat.views(vector.detach()).values()
        curved = [(g, v) for g, v in zip(self._gradient, along, strict=True) if g.requires_grad]
        if not curved:  # a loss that is linear in the parameters
            return torch.zeros_like(vector)
        pieces = torch.autograd.grad(
            [g for g, _ in curved],
            self._parameters,
            [v for _, v in curved],
            retain_graph=True,
            materialize_grads=True,
        )
        return joined(self._flat, pieces)

    def block(self, names: Sequence[str]) -> Product:
        """The diagonal block of these parameters: v [n] → H_ww v [n], over all their entries."""
        order = list(self._flat.views(self._flat.vector))
        gradients = [self._gradient[order.index(name)] for name in names]
        parameters = [self._parameters[order.index(name)] for name in names]
        sizes = [parameter.numel() for parameter in parameters]

        def product(vector: torch.Tensor) -> torch.Tensor:
            along = [
                part.view(parameter.shape)
                for part, parameter in zip(torch.split(vector, sizes), parameters, strict=True)
            ]
            pieces = torch.autograd.grad(
                gradients, parameters, along, retain_graph=True, materialize_grads=True
            )
            return torch.cat([piece.reshape(-1) for piece in pieces])

        return product


def hessian_vector_product(
    model: nn.Module,
    flat: FlatParameters,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    loss_function: Loss,
    vector: torch.Tensor,
) -> torch.Tensor:
    """Hv [P] of the batch's loss at the model's parameters, for v = `vector` [P]; see `Hessian`."""
    return Hessian(model, flat, inputs, labels, loss_function)(vector)
