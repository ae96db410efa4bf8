"""The interface of every layer: parameters, a forward pass and a backward pass."""

from typing import Any

import torch


class Layer:
    """One function y = f(x; θ) of the network.

    `forward(x)` gives y and keeps what the derivative needs; `backward(∂L/∂y)` uses that up, sets
    `gradients` to ∂L/∂θ and gives ∂L/∂x. `buffers` are what a layer learns without a gradient.
    """

    def __init__(self) -> None:
        self.parameters: dict[str, torch.Tensor] = {}
        self.gradients: dict[str, torch.Tensor] = {}  # of the last backward pass, by the same names
        self.buffers: dict[str, torch.Tensor] = {}
        self.training = True
        self._kept: tuple[Any, ...] | None = None

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def to(self, device: torch.device | None = None, dtype: torch.dtype | None = None) -> None:
        """Move parameters and buffers; tensors taken from the layer before stay behind."""
        for tensors in (self.parameters, self.buffers):
            for name, tensor in tensors.items():
                tensors[name] = tensor.to(device=device, dtype=dtype)

    def _keep(self, *values: Any) -> None:
        self._kept = values

    def _recall(self) -> tuple[Any, ...]:
        """What the forward pass kept; once only, because a backward pass may overwrite it."""
        if self._kept is None:
            raise RuntimeError(f"{type(self).__name__}: backward needs a forward of its own before")
        kept, self._kept = self._kept, None
        return kept
