"""A network: layers in sequence, trained as one."""

from collections.abc import Iterator, Sequence

import torch

from landscape.plain.activation import ReLU
from landscape.plain.convolution import Convolution
from landscape.plain.layer import Layer
from landscape.plain.linear import Flatten, Linear
from landscape.plain.normalization import BatchNorm
from landscape.plain.pooling import MaxPooling
from landscape.runtime.randomness import generator

IMAGE_SIZE, CHANNELS = 32, 3


class Network:
    """y = f_L(… f_2(f_1(x))); its tensors are named by layer, as in `0.weight`.

    By the chain rule ∂L/∂x_{l−1} = backward_l(∂L/∂x_l), from the last layer to the first.
    """

    def __init__(self, layers: Sequence[Layer]):
        self.layers = list(layers)

    @property
    def parameters(self) -> dict[str, torch.Tensor]:
        return dict(_named(layer.parameters for layer in self.layers))

    @property
    def gradients(self) -> dict[str, torch.Tensor]:
        return dict(_named(layer.gradients for layer in self.layers))

    @property
    def buffers(self) -> dict[str, torch.Tensor]:
        return dict(_named(layer.buffers for layer in self.layers))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            inputs = layer.forward(inputs)
        return inputs

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient)
        return gradient

    def train(self, training: bool = True) -> None:
        """Choose between the batch's statistics (training) and the running averages."""
        for layer in self.layers:
            layer.training = training

    def to(self, device: torch.device | None = None, dtype: torch.dtype | None = None) -> "Network":
        for layer in self.layers:
            layer.to(device, dtype)
        return self


def build(filters: int, neurons: int, seed: int, classes: int = 10) -> Network:
    """Three times convolution, BatchNorm, ReLU and pooling, then two linear layers.

    Images [N, 3, 32, 32] → logits [N, classes]. Each convolution has twice the filters of the one
    before, each pooling halves the image. The initial weights are the seed's, on every device.
    """
    random = generator(seed, "weights")
    layers: list[Layer] = []
    channels, size = CHANNELS, IMAGE_SIZE
    for outputs in (filters, 2 * filters, 4 * filters):
        layers += [Convolution(channels, outputs, random), BatchNorm(outputs), ReLU(), MaxPooling()]
        channels, size = outputs, size // 2
    layers += [Flatten(), Linear(channels * size**2, neurons, random), ReLU()]
    layers += [Linear(neurons, classes, random)]
    return Network(layers)


def _named(parts: Iterator[dict[str, torch.Tensor]]) -> Iterator[tuple[str, torch.Tensor]]:
    for index, tensors in enumerate(parts):
        for name, tensor in tensors.items():
            yield f"{index}.{name}", tensor
