"""ResNet-18 (He et al. 2016) in its usual form for 32×32 images: the standard to compare with."""

import torch
from torch import nn

from landscape.config.architectures import ResNet18 as Settings
from landscape.models.layers import ConvNorm, activate
from landscape.models.network import Network

CHANNELS = (64, 128, 256, 512)
BLOCKS = 2


class Basic(nn.Module):
    """relu(shortcut(x) + two 3×3 convolutions of x), all normalized."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.inner = nn.Sequential(
            ConvNorm(inputs, outputs, stride=stride), activate("relu"), ConvNorm(outputs, outputs)
        )
        self.shortcut = nn.Sequential()
        if stride > 1 or inputs != outputs:
            self.shortcut.append(ConvNorm(inputs, outputs, kernel=1, stride=stride))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        total: torch.Tensor = self.shortcut(x) + self.inner(x)
        return total.relu()


class ResNet18(Network):
    """A 3×3 stem without pooling, four stages of two blocks, global average, logits."""

    def __init__(self, classes: int = 10):
        super().__init__()
        channels = CHANNELS[0]
        layers: list[nn.Module] = [ConvNorm(3, channels), activate("relu")]
        for stage, outputs in enumerate(CHANNELS):
            for block in range(BLOCKS):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(Basic(channels, outputs, stride))
                channels = outputs
        self.features = nn.Sequential(*layers)
        self.output_layer = nn.Linear(channels, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.output_layer(self.features(images).mean((2, 3)))
        return logits


def build(settings: Settings, classes: int) -> Network:
    return ResNet18(classes)
