"""Kinks: on which linear piece of its ReLUs and max poolings a network computes a batch."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn


@dataclass
class Piece:
    """`signs`: of each ReLU, which inputs are positive. `winners`: of each max pooling, the place
    from which each output is taken.
    """

    signs: list[torch.Tensor] = field(default_factory=list)
    winners: list[torch.Tensor] = field(default_factory=list)


@contextmanager
def watched(model: nn.Module) -> Iterator[Piece]:
    """The piece on which the forward pass inside the block computes; nothing else changes."""
    piece = Piece()

    def keep_signs(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        piece.signs.append(output.detach() > 0)

    def keep_winners(module: nn.MaxPool2d, inputs: Any, output: torch.Tensor) -> None:
        piece.winners.append(_winners(module, inputs[0].detach()))

    handles = []
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            handles.append(module.register_forward_hook(keep_signs))
        elif isinstance(module, nn.MaxPool2d):
            handles.append(module.register_forward_hook(keep_winners))
    try:
        yield piece
    finally:
        for handle in handles:
            handle.remove()


def flips(here: Piece, there: Piece) -> tuple[torch.Tensor, torch.Tensor]:
    """Shares of ReLU signs and of max-pool winners that differ, as float64 scalars.

    0 where a network has none: it has no such kink. In a window of equal values, such as zeros
    after a ReLU, the first place wins.
    """
    return _share(here.signs, there.signs), _share(here.winners, there.winners)


def _share(here: list[torch.Tensor], there: list[torch.Tensor]) -> torch.Tensor:
    count = sum(tensor.numel() for tensor in here)
    if not count:
        return torch.zeros((), dtype=torch.float64)
    flipped = [(a != b).sum() for a, b in zip(here, there, strict=True)]
    return torch.stack(flipped).sum().double() / count


def _winners(pooling: nn.MaxPool2d, images: torch.Tensor) -> torch.Tensor:
    _, places = nn.functional.max_pool2d(
        images,
        pooling.kernel_size,
        pooling.stride,
        pooling.padding,
        pooling.dilation,
        pooling.ceil_mode,
        return_indices=True,
    )
    assert isinstance(places, torch.Tensor)
    return places
