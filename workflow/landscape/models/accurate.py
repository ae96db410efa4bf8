"""A network for accuracy within ten million parameters: `fast`, wider, with deeper stages."""

import torch
from torch import nn

from landscape.config.architectures import Accurate as Settings
from landscape.models.layers import ShiftNorm, Whitening, activate, scaled
from landscape.models.network import Network
from landscape.models.whitened import Sprint

CHANNELS = (96, 288, 384)
MOMENTUM = 0.1  # of BatchNorm's running averages, as in `fast`


class Pair(nn.Module):
    """act(x + norm(conv(act(norm(conv x))))): two 3×3 convolutions that keep channels and side."""

    def __init__(self, settings: Settings, channels: int):
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            ShiftNorm(channels, MOMENTUM),
            activate(settings.activation),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            ShiftNorm(channels, MOMENTUM),
        )
        self.leave = activate(settings.activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left: torch.Tensor = self.leave(x + self.inner(x))
        return left


class Accurate(Sprint):
    """Whitening, three stages, the maximum over the image, a linear head scaled down.

    A stage is a convolution, 2×2 pooling and `blocks` residual pairs: depth is added where the
    pooling has made it cheap. Any side from 16 pixels on is taken.
    """

    def __init__(self, settings: Settings, classes: int = 10):
        stem = Whitening()
        layers: list[nn.Module] = [activate(settings.activation)]
        inputs = stem.outputs
        for count in CHANNELS:
            outputs = scaled(count, settings.width)
            layers += [
                nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
                nn.MaxPool2d(2),
                ShiftNorm(outputs, MOMENTUM),
                activate(settings.activation),
                *(Pair(settings, outputs) for _ in range(settings.blocks)),
            ]
            inputs = outputs
        super().__init__(stem, nn.Sequential(*layers), inputs, classes)


def build(settings: Settings, classes: int) -> Network:
    return Accurate(settings, classes)
