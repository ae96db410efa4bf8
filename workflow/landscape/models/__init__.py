"""The architectures by the names that config.yaml uses."""

from torch import nn

from landscape.models.vgg import VGG
from landscape.randomness import generator
from landscape.runs import Architecture, ArchitectureName, Normalization

ARCHITECTURES: dict[ArchitectureName, Normalization] = {
    "vgg_a": "none",
    "vgg_a_bn": "batch",
    "vgg_a_ln": "layer",
    "vgg_a_gn": "group",
    "vgg_a_in": "instance",
}


def build(architecture: Architecture, seed: int, classes: int = 10) -> VGG:
    """The network with the initial weights of this seed: the same on every device, and the same
    convolutions and linear layers whatever the normalization."""
    normalization = ARCHITECTURES[architecture.name]
    model = VGG(normalization=normalization, width=architecture.width, classes=classes)
    model.initialize(generator(seed, "weights"))
    return model


def count_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
