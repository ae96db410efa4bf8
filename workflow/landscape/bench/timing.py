"""Times that can be compared on a machine with other load."""

import time
from collections.abc import Callable, Sequence

import torch

# Steps before the clock starts; on CUDA long enough for every kind of step to be captured.
WARM_UP = {"cuda": 40, "cpu": 1}


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def interleaved(
    advances: Sequence[Callable[[], object]],
    device: torch.device,
    rounds: int,
    slot_seconds: float,
) -> list[list[float]]:
    """Seconds per step of each contender, one number per round: [contenders][rounds].

    They take turns, each for about `slot_seconds`, so that other load on the machine affects all of
    them; ratios are computed within a round.
    """
    steps = []
    for advance in advances:
        warm_up(advance, device)
        steps.append(max(1, round(slot_seconds / seconds_per_step(advance, 1, device))))
    return [
        list(row)
        for row in zip(*(_round(advances, steps, device) for _ in range(rounds)), strict=True)
    ]


def _round(
    advances: Sequence[Callable[[], object]], steps: Sequence[int], device: torch.device
) -> list[float]:
    return [seconds_per_step(a, n, device) for a, n in zip(advances, steps, strict=True)]


def warm_up(advance: Callable[[], object], device: torch.device) -> None:
    for _ in range(WARM_UP[device.type]):
        advance()
    synchronize(device)


def seconds_per_step(advance: Callable[[], object], steps: int, device: torch.device) -> float:
    """The mean over this many consecutive steps."""
    started = time.perf_counter()
    for _ in range(steps):
        advance()
    synchronize(device)
    return (time.perf_counter() - started) / steps
