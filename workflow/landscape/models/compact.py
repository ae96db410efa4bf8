"""A network of few parameters: inverted residual blocks with channel attention."""

import torch
from torch import nn

from landscape.config.architectures import Compact as Settings
from landscape.models.layers import ConvNorm, Residual, SqueezeExcitation, activate, scaled
from landscape.models.network import Network

STEM = 24
STAGES = ((24, 2), (48, 4), (72, 3))  # channels and blocks; each stage but the first halves sides
EXPANSION = 4
HEAD = 160


class Compact(Network):
    """A 3×3 stem, three stages of inverted residual blocks (Sandler et al. 2018), a pooled head.

    A block widens its input by 1×1, filters each channel by 3×3 (depthwise), weighs the channels
    by what the image shows, and narrows by 1×1. Nearly all parameters are in 1×1 convolutions.
    Without `depthwise` a block is one full 3×3 convolution instead.
    """

    def __init__(self, settings: Settings, classes: int = 10):
        super().__init__()
        channels = scaled(STEM, settings.width)
        layers: list[nn.Module] = [ConvNorm(3, channels), activate(settings.activation)]
        for stage, (count, blocks) in enumerate(STAGES):
            outputs = scaled(count, settings.width)
            for block in range(blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(_block(settings, channels, outputs, stride))
                channels = outputs
        head = scaled(HEAD, settings.width)
        layers += [ConvNorm(channels, head, kernel=1), activate(settings.activation)]
        self.features = nn.Sequential(*layers)
        self.output_layer = nn.Linear(head, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.output_layer(self.features(images).mean((2, 3)))
        return logits


def _block(settings: Settings, inputs: int, outputs: int, stride: int) -> nn.Module:
    if settings.depthwise:
        wide = EXPANSION * inputs
        layers = [
            ConvNorm(inputs, wide, kernel=1),
            activate(settings.activation),
            ConvNorm(wide, wide, stride=stride, groups=wide),
            activate(settings.activation),
        ]
        if settings.squeeze_excitation:
            layers.append(SqueezeExcitation(wide, max(4, inputs // 4)))
        layers.append(ConvNorm(wide, outputs, kernel=1))
    else:
        layers = [ConvNorm(inputs, outputs, stride=stride), activate(settings.activation)]
        if settings.squeeze_excitation:
            layers.append(SqueezeExcitation(outputs, max(4, outputs // 4)))
    inner = nn.Sequential(*layers)
    if not settings.residual:
        return inner
    return Residual(inner, inputs, outputs, stride)


def build(settings: Settings, classes: int) -> Network:
    return Compact(settings, classes)
