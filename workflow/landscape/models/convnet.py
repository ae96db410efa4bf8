"""The base network of the sweeps: small, with a setting for every factor of the course."""

import torch
from torch import nn

from landscape.config.architectures import ConvNet as Settings
from landscape.models.layers import ConvNorm, Residual, activate
from landscape.models.network import Network

STAGES = 3


class ConvNet(Network):
    """Three stages (two 3×3 convolutions, 2×2 pooling), a hidden linear layer, dropout, logits.

    The channels are `filters`, doubled at every stage. With `residual` a stage's second
    convolution is skipped around.
    """

    def __init__(self, settings: Settings, classes: int = 10):
        super().__init__()
        self.features = nn.Sequential()
        inputs, kind = 3, settings.normalization
        for stage in range(STAGES):
            outputs = settings.filters * 2**stage
            first = ConvNorm(inputs, outputs, normalization=kind)
            second: nn.Module = ConvNorm(outputs, outputs, normalization=kind)
            if settings.residual:
                second = Residual(second, outputs, outputs)
            self.features.extend(
                [
                    first,
                    activate(settings.activation),
                    second,
                    activate(settings.activation),
                    nn.MaxPool2d(2),
                ]
            )
            inputs = outputs
        side = 32 // 2**STAGES
        self.classifier = nn.Sequential(
            nn.Linear(inputs * side * side, settings.neurons),
            activate(settings.activation),
            nn.Dropout(settings.dropout),
        )
        self.output_layer = nn.Linear(settings.neurons, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hidden = self.classifier(self.features(images).flatten(1))
        logits: torch.Tensor = self.output_layer(hidden)
        return logits


def build(settings: Settings, classes: int) -> Network:
    return ConvNet(settings, classes)
