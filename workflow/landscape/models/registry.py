"""The networks by the names that config.yaml uses."""

from importlib import import_module

import torch
from torch import nn

from landscape.config.architectures import Architecture
from landscape.models.network import Network
from landscape.runtime.randomness import generator


def build(
    architecture: Architecture, seed: int, classes: int = 10, sample: torch.Tensor | None = None
) -> Network:
    """The network with the initial weights of this seed: the same on every device, and the same
    convolutions and linear layers whatever the normalization.

    Its module is imported here, on demand, so that no run depends on another network's code.
    `sample`: normalized training images, for layers that are computed from them and not learned.
    """
    model: Network = import_module(f"landscape.{architecture.module}").build(architecture, classes)
    model.initialize(generator(seed, "weights"))
    if sample is not None:
        model.fit(sample)
    return model


def count_parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
