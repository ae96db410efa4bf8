"""What is drawn at random: the rule of docs/reproducibility.md."""

import hashlib

import torch

CLASSES = 10


def number(seed, purpose, index=0):
    digest = hashlib.sha256(f"{seed}/{purpose}/{index}".encode()).digest()
    return int.from_bytes(digest[:8], "little") // 2


def generator(seed, purpose, index=0):
    return torch.Generator().manual_seed(number(seed, purpose, index))


def order(seed, epoch, count):
    return torch.randperm(count, generator=generator(seed, "order", epoch)).tolist()


def balanced(labels, indices, count, seed):
    """`count` of these indices, as many of each class as can be, ascending."""
    source = torch.Generator().manual_seed(seed)
    shuffled = []
    for label in range(CLASSES):
        members = [index for index in indices if labels[index] == label]
        shuffled.append([members[k] for k in torch.randperm(len(members), generator=source)])
    turns = torch.randperm(CLASSES, generator=source).tolist()
    taken = dict.fromkeys(range(CLASSES), count // CLASSES)
    left = count % CLASSES
    for label in turns:
        if left and len(shuffled[label]) > taken[label]:
            taken[label] += 1
            left -= 1
    return sorted(index for label in range(CLASSES) for index in shuffled[label][: taken[label]])


def split(labels, settings):
    """(indices to train on, indices held out)."""
    seed = settings.get("seed", 0)
    everything = list(range(len(labels)))
    held_out = balanced(labels, everything, settings.get("validation_images", 0), seed)
    remaining = [index for index in everything if index not in set(held_out)]
    if settings.get("train_images") is not None:
        remaining = balanced(labels, remaining, settings["train_images"], seed + 2**31)
    return remaining, held_out
