"""The limits of the machine: a large matrix product per precision, and a large copy."""

import time
from collections.abc import Callable

import torch

from landscape.bench.timing import synchronize
from landscape.config.runs import Precision
from landscape.runtime import device as devices

REPEATS = 7


def product(device: torch.device, precision: Precision) -> tuple[Callable[[], object], int]:
    """A product of two square matrices, and its 2n³ operations."""
    side = 8192 if device.type == "cuda" else 2048
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    a, b = (torch.randn(side, side, device=device).to(kind) for _ in range(2))
    return lambda: a @ b, 2 * side**3


def flops_per_second(device: torch.device, precision: Precision) -> float:
    """The fastest of several products.

    Not the median, because disturbances can only lower a ceiling.
    """
    multiply, operations = product(device, precision)
    with devices.tf32_allowed(precision == "tf32"):
        return operations / _best_seconds(multiply, device)


def bytes_per_second(device: torch.device) -> float:
    """The fastest of several copies of a large vector, counting bytes read and written."""
    source = torch.zeros(2**28 if device.type == "cuda" else 2**25, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / _best_seconds(lambda: target.copy_(source), device)


def _best_seconds(work: Callable[[], object], device: torch.device) -> float:
    best = float("inf")
    for _ in range(REPEATS):
        synchronize(device)
        started = time.perf_counter()
        work()
        synchronize(device)
        best = min(best, time.perf_counter() - started)
    return best
