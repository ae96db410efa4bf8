"""A network for accuracy within ten million parameters: wide pre-activated residual stages."""

import torch
from torch import nn

from landscape.config.architectures import Accurate as Settings
from landscape.models.layers import SqueezeExcitation, activate, normalize, scaled
from landscape.models.network import Network

CHANNELS = (80, 160, 320)


class PreActivated(nn.Module):
    """x + conv(drop(act(norm(conv(act(norm x)))))) with channel attention on the sum's right side.

    Normalization and activation stand before the convolutions (He et al. 2016b), dropout between
    them (Zagoruyko & Komodakis 2016). Where channels change, x is act(norm x) projected by 1×1.
    """

    def __init__(self, settings: Settings, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.enter = nn.Sequential(_norm(inputs), activate(settings.activation))
        self.inner = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            _norm(outputs),
            activate(settings.activation),
            nn.Dropout(settings.dropout),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
        )
        if settings.squeeze_excitation:
            self.inner.append(SqueezeExcitation(outputs, max(4, outputs // 16)))
        self.project = inputs != outputs
        self.shortcut = nn.Sequential()
        if stride > 1:
            self.shortcut.append(nn.AvgPool2d(stride, ceil_mode=True))
        if self.project:
            self.shortcut.append(nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        entered = self.enter(x)
        skipped = self.shortcut(entered if self.project else x)
        total: torch.Tensor = skipped + self.inner(entered)
        return total


class Accurate(Network):
    """A 3×3 stem, three stages of `blocks` pre-activated blocks, global average, logits."""

    def __init__(self, settings: Settings, classes: int = 10):
        super().__init__()
        widths = [scaled(count, settings.width) for count in CHANNELS]
        channels = widths[0]
        layers: list[nn.Module] = [nn.Conv2d(3, channels, 3, padding=1, bias=False)]
        for stage, outputs in enumerate(widths):
            for block in range(settings.blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(PreActivated(settings, channels, outputs, stride))
                channels = outputs
        layers += [_norm(channels), activate(settings.activation)]
        self.features = nn.Sequential(*layers)
        self.output_layer = nn.Linear(channels, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.output_layer(self.features(images).mean((2, 3)))
        return logits


def _norm(channels: int) -> nn.Module:
    norm = normalize("batch", channels)
    assert norm is not None
    return norm


def build(settings: Settings, classes: int) -> Network:
    return Accurate(settings, classes)
