"""The design of airbench94 (Jordan 2024, arXiv:2404.00498) in our own code: the speed to beat."""

import torch
from torch import nn

from landscape.models.layers import Scaled, ShiftNorm, Whitening, activate
from landscape.models.network import Network

CHANNELS = (64, 256, 256)


class Speedrun(Network):
    """Whitening, three groups (convolution, pooling, convolution), maximum, scaled linear head.

    1,971,352 parameters; the whitening filters are not learned and do not count. Sides from 27
    pixels on are taken, which leave 3×3 for the maximum.
    """

    def __init__(self, classes: int = 10):
        super().__init__()
        self.stem = Whitening()
        layers: list[nn.Module] = [activate("gelu")]
        inputs = self.stem.outputs
        for outputs in CHANNELS:
            layers += [
                nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
                nn.MaxPool2d(2),
                ShiftNorm(outputs),
                activate("gelu"),
                nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
                ShiftNorm(outputs),
                activate("gelu"),
            ]
            inputs = outputs
        layers.append(nn.MaxPool2d(3))
        self.features = nn.Sequential(*layers)
        self.output_layer = nn.Linear(inputs, classes, bias=False)
        self.scale = Scaled(1 / inputs)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        strongest = self.features(self.stem(images)).flatten(1)
        logits: torch.Tensor = self.scale(self.output_layer(strongest))
        return logits

    def initialize(self, generator: torch.Generator) -> None:
        """Convolutions start near the identity, the head with weights of variance one."""
        super().initialize(generator)
        start_near_identity(self, generator)
        with torch.no_grad():
            self.output_layer.weight.div_(self.output_layer.weight.std())

    def fit(self, sample: torch.Tensor) -> None:
        self.stem.fit(sample)


def start_near_identity(network: nn.Module, generator: torch.Generator) -> None:
    """Every bias-free 3×3 convolution passes its inputs on: output i is input i, for i < inputs.

    The other outputs start uniform in ±1/√(fan in), as torch's convolutions do.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.bias is None:
            weight = module.weight
            bound = weight[0].numel() ** -0.5
            nn.init.uniform_(weight, -bound, bound, generator=generator)
            with torch.no_grad():
                nn.init.dirac_(weight[: weight.shape[1]])
