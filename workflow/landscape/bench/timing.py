"""Times that can be compared on a machine that others use too."""

import time
from collections.abc import Callable, Sequence

import torch


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def interleaved(
    advances: Sequence[Callable[[], object]],
    device: torch.device,
    rounds: int,
    slot_seconds: float,
    warm_up: int,
) -> list[list[float]]:
    """Seconds per step of each contender, one number a round: [contenders][rounds].

    They take turns, each for about `slot_seconds`, so that a slow minute of the machine meets all
    of them; ratios are then taken within a round.
    """
    steps = []
    for advance in advances:
        for _ in range(warm_up):
            advance()
        synchronize(device)
        steps.append(max(1, round(slot_seconds / _seconds(advance, 1, device))))
    return [
        list(row)
        for row in zip(*(_round(advances, steps, device) for _ in range(rounds)), strict=True)
    ]


def _round(
    advances: Sequence[Callable[[], object]], steps: Sequence[int], device: torch.device
) -> list[float]:
    return [_seconds(a, n, device) for a, n in zip(advances, steps, strict=True)]


def _seconds(advance: Callable[[], object], steps: int, device: torch.device) -> float:
    started = time.perf_counter()
    for _ in range(steps):
        advance()
    synchronize(device)
    return (time.perf_counter() - started) / steps
