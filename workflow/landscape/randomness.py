"""Every random choice has a generator of its own, made of what the choice is for."""

import hashlib

import torch


def generator(seed: int, purpose: str, index: int = 0) -> torch.Generator:
    """A CPU generator for (seed, purpose, epoch or step); the global state is never used.

    Runs of one seed thus share their initial weights and batch order whatever their learning rate,
    and a resumed run needs no random state to go on as if it had never stopped.
    """
    digest = hashlib.sha256(f"{seed}/{purpose}/{index}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
