"""Every random choice has a generator of its own, made of what the choice is for."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def generator(seed: int, purpose: str, index: int = 0) -> torch.Generator:
    """A CPU generator for (seed, purpose, epoch or step); the global state is never used.

    Runs of one seed thus share their initial weights and batch order whatever their learning rate,
    and a resumed run needs no random state to go on as if it had never stopped.
    """
    return torch.Generator().manual_seed(_number(seed, purpose, index))


@contextmanager
def global_state(seed: int, purpose: str, index: int, device: torch.device) -> Iterator[None]:
    """Inside the block torch's global generators start from (seed, purpose, index).

    For layers that take no generator, such as dropout. Afterwards they are as they were.
    """
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(_number(seed, purpose, index))
        yield


def _number(seed: int, purpose: str, index: int) -> int:
    digest = hashlib.sha256(f"{seed}/{purpose}/{index}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
