"""Random generators: one for each purpose, seeded by it."""

import hashlib

import torch


def generator(seed: int, purpose: str, index: int = 0) -> torch.Generator:
    """A CPU generator for (seed, purpose, epoch or step).

    Runs of one seed thus share their initial weights and batch order whatever their learning rate,
    and a resumed run needs no random state to continue as if it had never stopped.
    """
    return torch.Generator().manual_seed(_number(seed, purpose, index))


def seed_global(seed: int, purpose: str, index: int) -> None:
    """Start torch's global generators, of every device, from (seed, purpose, index).

    Only for layers that take no generator, such as dropout. A captured CUDA graph draws from what
    is set before its replay.
    """
    torch.manual_seed(_number(seed, purpose, index))


def _number(seed: int, purpose: str, index: int) -> int:
    digest = hashlib.sha256(f"{seed}/{purpose}/{index}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
