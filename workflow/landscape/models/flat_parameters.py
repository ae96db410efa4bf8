"""All parameters of a model as one vector, and all their gradients as another.

A norm or a distance over the whole network is then one pass over memory.
"""

from collections.abc import Iterator

import torch
from torch import nn


class FlatParameters:
    """`vector` θ and `gradient` g, both [P]: the memory in which the model's parameters now live.

    Each `parameter.data` and `parameter.grad` becomes a view, so what the optimizer and
    `differentiate` write shows up here at once. Never call `zero_grad()`: it would cut the views
    loose. Move the model to its device first. Convolution weights are laid out channels-last, the
    layout in which they are used.
    """

    def __init__(self, model: nn.Module):
        self._parameters = dict(model.named_parameters())
        first = next(iter(self._parameters.values()))
        size = sum(parameter.numel() for parameter in self._parameters.values())
        self.vector = torch.empty(size, dtype=first.dtype, device=first.device)
        self.gradient = torch.zeros_like(self.vector)
        gradients = self.views(self.gradient)
        for name, view in self.views(self.vector).items():
            parameter = self._parameters[name]
            view.copy_(parameter.detach())
            parameter.data = view
            parameter.grad = gradients[name]
        self._pieces = list(gradients.values())

    def differentiate(self, loss: torch.Tensor) -> None:
        """Set `gradient` to ∇loss.

        A copy of all pieces at once, instead of a vector of zeros to which autograd adds piece by
        piece.
        """
        pieces = torch.autograd.grad(loss, list(self._parameters.values()), materialize_grads=True)
        torch._foreach_copy_(self._pieces, pieces)

    def views(self, vector: torch.Tensor) -> dict[str, torch.Tensor]:
        """Cut a vector [P] into tensors of the parameters' names and shapes, sharing its memory."""
        return {
            name: _shaped(vector[start:stop], self._parameters[name].shape)
            for name, start, stop in self._extents()
        }

    def extent(self, module: nn.Module) -> slice:
        """Where the parameters of `module` lie in the vector; they must lie side by side."""
        own = {id(parameter) for parameter in module.parameters()}
        inside = [(a, b) for name, a, b in self._extents() if id(self._parameters[name]) in own]
        start, stop = inside[0][0], inside[-1][1]
        if stop - start != sum(b - a for a, b in inside):
            raise ValueError("the module's parameters do not lie side by side")
        return slice(start, stop)

    def _extents(self) -> Iterator[tuple[str, int, int]]:
        start = 0
        for name, parameter in self._parameters.items():
            yield name, start, start + parameter.numel()
            start += parameter.numel()


def _shaped(piece: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    if len(shape) != 4:
        return piece.view(shape)
    outputs, inputs, height, width = shape
    return piece.view(outputs, height, width, inputs).permute(0, 3, 1, 2)
