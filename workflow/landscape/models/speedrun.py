"""The design of airbench94 (Jordan 2024, arXiv:2404.00498) in our own code: the speed to beat."""

from torch import nn

from landscape.config.architectures import Speedrun as Settings
from landscape.models.layers import ShiftNorm, Whitening, activate
from landscape.models.network import Network
from landscape.models.whitened import Sprint

CHANNELS = (64, 256, 256)


class Speedrun(Sprint):
    """Whitening, three groups (convolution, pooling, convolution), maximum, scaled linear head.

    1,971,352 parameters; the whitening filters are not learned and do not count.
    """

    def __init__(self, classes: int = 10):
        stem = Whitening()
        layers: list[nn.Module] = [activate("gelu")]
        inputs = stem.outputs
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
        super().__init__(stem, nn.Sequential(*layers), inputs, classes)


def build(settings: Settings, classes: int) -> Network:
    return Speedrun(classes)
