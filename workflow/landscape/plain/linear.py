"""Linear maps, and the flattening before the first of them."""

import torch

from landscape.plain.initial import kaiming
from landscape.plain.layer import Layer


class Linear(Layer):
    """Y = X Wᵀ + b, [N, inputs] → [N, outputs], with W [outputs, inputs].

    From dY = dX Wᵀ + X dWᵀ + db and G = ∂L/∂Y: ∂L/∂X = G W, ∂L/∂W = Gᵀ X, ∂L/∂b = Σ_rows G.
    """

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator):
        super().__init__()
        self.parameters["weight"] = kaiming((outputs, inputs), generator)
        self.parameters["bias"] = torch.zeros(outputs)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self._keep(inputs)
        return torch.addmm(self.parameters["bias"], inputs, self.parameters["weight"].T)

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        (inputs,) = self._recall()
        self.gradients["weight"] = gradient.T @ inputs
        self.gradients["bias"] = gradient.sum(0)
        return gradient @ self.parameters["weight"]


class Flatten(Layer):
    """[N, …] → [N, values of an image]; the gradient takes the way back."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self._keep(inputs.shape)
        return inputs.reshape(len(inputs), -1)

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        (shape,) = self._recall()
        return gradient.reshape(shape)
