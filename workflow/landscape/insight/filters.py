"""The first layer's filters: the patterns that a network looks for first."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from landscape.models.layers import Whitening

COUNT = 64  # at most, those of the largest norm
LARGE_COUNT = 16  # at most, of the size of an image
CHANNELS = 3


@dataclass(frozen=True)
class Filters:
    """Filters [F, 3, k, k] of layer `layer`; `kind` is whitening (fixed), convolution or linear."""

    layer: str
    kind: str
    weights: NDArray[np.float32]


def first_filters(model: nn.Module) -> Filters:
    """A whitening layer's fixed filters in their order, else the learned ones, largest norm first.

    A linear first layer [H, 3·32·32] gives one filter of the image's size per neuron.
    """
    for name, module in model.named_modules():
        if isinstance(module, Whitening):
            return Filters(name, "whitening", _array(module.filters)[:COUNT])
        if isinstance(module, nn.Conv2d):
            return Filters(name, "convolution", _largest(_array(module.weight)))
        if isinstance(module, nn.Linear):
            weight = _array(module.weight)
            side = round((weight.shape[1] / CHANNELS) ** 0.5)
            large = weight.reshape(-1, CHANNELS, side, side)
            return Filters(name, "linear", _largest(large, LARGE_COUNT))
    raise ValueError("the network has no first layer")


def shown(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """w → ½ + w / (2 max |w|), filter by filter: colours in [0, 1] in which grey is zero."""
    largest = np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    return (0.5 + 0.5 * weights / np.where(largest > 0, largest, 1)).astype(np.float32)


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().float().cpu().contiguous().numpy()
    return array


def _largest(weights: NDArray[np.float32], count: int = COUNT) -> NDArray[np.float32]:
    norms: NDArray[Any] = np.sqrt((weights.astype(np.float64) ** 2).sum(axis=(1, 2, 3)))
    return weights[np.argsort(-norms, kind="stable")[:count]]
