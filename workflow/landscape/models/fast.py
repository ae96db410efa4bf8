"""A network that is quick to train: whitened input, wide shallow residual stages, scaled head."""

import torch
from torch import nn

from landscape.config.architectures import Fast as Settings
from landscape.models.layers import ShiftNorm, Whitening, activate, scaled
from landscape.models.network import Network
from landscape.models.whitened import Sprint

CHANNELS = (64, 192, 256)
STEM = 24
MOMENTUM = 0.1  # of BatchNorm's running averages: its batches are small, so it remembers more


class Stage(nn.Module):
    """A convolution to `outputs` channels, 2×2 pooling, then two more at half the side.

    The last two are skipped around with `residual` (He et al. 2016): most of the depth costs a
    quarter of what it would before the pooling, and the gradient passes it by.
    """

    def __init__(self, settings: Settings, inputs: int, outputs: int):
        super().__init__()
        self.residual = settings.residual
        self.enter = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.MaxPool2d(2),
            ShiftNorm(outputs, MOMENTUM),
            activate(settings.activation),
        )
        self.inner = nn.Sequential(
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            ShiftNorm(outputs, MOMENTUM),
            activate(settings.activation),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            ShiftNorm(outputs, MOMENTUM),
        )
        self.leave = activate(settings.activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        entered = self.enter(x)
        inner = self.inner(entered)
        left: torch.Tensor = self.leave(entered + inner if self.residual else inner)
        return left


class Fast(Sprint):
    """Whitening, three stages, the maximum over the image, a linear head scaled down.

    Any side from 16 pixels on is taken, so that training can begin on smaller images.
    """

    def __init__(self, settings: Settings, classes: int = 10):
        # A learned stem is normalized, as every filter bank here is: Muon may set its norm.
        learned = nn.Sequential(nn.Conv2d(3, STEM, 2, bias=False), ShiftNorm(STEM, MOMENTUM))
        stem: nn.Module = Whitening() if settings.whitening else learned
        layers: list[nn.Module] = [activate(settings.activation)]
        inputs = STEM
        for count in CHANNELS:
            outputs = scaled(count, settings.width)
            layers.append(Stage(settings, inputs, outputs))
            inputs = outputs
        super().__init__(stem, nn.Sequential(*layers), inputs, classes)


def build(settings: Settings, classes: int) -> Network:
    return Fast(settings, classes)
