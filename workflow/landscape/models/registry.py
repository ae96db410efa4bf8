"""The networks by the names that config.yaml uses."""

import torch
from torch import nn

from landscape.config import architectures
from landscape.config.architectures import Architecture, Normalization, VggName
from landscape.models.accurate import Accurate
from landscape.models.compact import Compact
from landscape.models.convnet import ConvNet
from landscape.models.fast import Fast
from landscape.models.mlp import Mlp
from landscape.models.network import Network
from landscape.models.resnet18 import ResNet18
from landscape.models.speedrun import Speedrun
from landscape.models.vgg import VGG
from landscape.runtime.randomness import generator

VGGS: dict[VggName, Normalization] = {
    "vgg_a": "none",
    "vgg_a_bn": "batch",
    "vgg_a_ln": "layer",
    "vgg_a_gn": "group",
    "vgg_a_in": "instance",
}


def build(
    architecture: Architecture, seed: int, classes: int = 10, sample: torch.Tensor | None = None
) -> Network:
    """The network with the initial weights of this seed: the same on every device, and the same
    convolutions and linear layers whatever the normalization.

    `sample`: normalized training images, for layers that are computed from them and not learned.
    """
    model = _construct(architecture, classes)
    model.initialize(generator(seed, "weights"))
    if sample is not None:
        model.fit(sample)
    return model


def _construct(architecture: Architecture, classes: int) -> Network:
    match architecture:
        case architectures.Vgg():
            return VGG(VGGS[architecture.name], architecture.width, classes)
        case architectures.Mlp():
            return Mlp(architecture, classes)
        case architectures.ConvNet():
            return ConvNet(architecture, classes)
        case architectures.Compact():
            return Compact(architecture, classes)
        case architectures.Fast():
            return Fast(architecture, classes)
        case architectures.Accurate():
            return Accurate(architecture, classes)
        case architectures.Speedrun():
            return Speedrun(classes)
        case architectures.ResNet18():
            return ResNet18(classes)


def count_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
