"""Initial weights."""

import math

import torch


def kaiming(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Normal with mean 0 and variance 2 / (inputs of a neuron); He et al. 2015, equation 10.

    `shape` is [outputs, inputs, …]. It keeps the variance of the signal through layers with ReLU.
    """
    return torch.randn(shape, generator=generator) * math.sqrt(2 / math.prod(shape[1:]))
