"""Parts shared by networks for short trainings: a fixed first layer, a start near the identity."""

import torch
from torch import nn

from landscape.models.layers import Scaled, Whitening
from landscape.models.network import Network


class Sprint(Network):
    """Stem, features, the maximum over the image, a linear head scaled down (Jordan 2024).

    A subclass gives the stem and the features, which end in `channels`.
    """

    def __init__(self, stem: nn.Module, features: nn.Module, channels: int, classes: int):
        super().__init__()
        self.stem, self.features = stem, features
        self.output_layer = nn.Linear(channels, classes, bias=False)
        self.scale = Scaled(1 / channels)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        strongest = self.features(self.stem(images)).amax((2, 3))
        logits: torch.Tensor = self.scale(self.output_layer(strongest))
        return logits

    def initialize(self, generator: torch.Generator) -> None:
        """Convolutions start near the identity, the head with weights of variance one."""
        super().initialize(generator)
        start_near_identity(self, generator)
        with torch.no_grad():
            self.output_layer.weight.div_(self.output_layer.weight.std())

    def fit(self, sample: torch.Tensor) -> None:
        if isinstance(self.stem, Whitening):
            self.stem.fit(sample)


def start_near_identity(network: nn.Module, generator: torch.Generator) -> None:
    """Every bias-free convolution passes its inputs on: output i is input i, for i < inputs.

    The other outputs start uniform in ±1/√(fan in), as torch's convolutions do.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.bias is None:
            weight = module.weight
            bound = weight[0].numel() ** -0.5
            nn.init.uniform_(weight, -bound, bound, generator=generator)
            with torch.no_grad():
                nn.init.dirac_(weight[: weight.shape[1]])
