"""The convolutions with spatial outputs, in the order in which a network runs them."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

SMALLEST_SIDE = 4  # of a spatial map: channel attention and the end of VGG have smaller ones


@dataclass(frozen=True)
class Convolution:
    """A convolution by its name in the model, and the side of its output maps in pixels."""

    name: str
    module: nn.Conv2d
    side: int


def convolutions(model: nn.Module, inputs: torch.Tensor) -> list[Convolution]:
    """Those with outputs of at least 4×4 positions for `inputs` [N, 3, H, W]; none in an MLP.

    This excludes 1×1 convolutions on channel averages, as in squeeze-and-excitation.
    """
    found: list[Convolution] = []
    handles = []

    def remember(name: str) -> Any:
        def hook(module: nn.Module, _: Any, output: torch.Tensor) -> None:
            side = min(output.shape[2:])
            if isinstance(module, nn.Conv2d) and side >= SMALLEST_SIDE:
                found.append(Convolution(name, module, side))

        return hook

    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            handles.append(module.register_forward_hook(remember(name)))
    try:
        with torch.no_grad():
            model(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found
