"""A copy of CIFAR-10 in any format, as recognized and as read."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from landscape.data.cifar10 import CLASS_NAMES, CLASSES
from landscape.errors import UserError

SHOWN = 3  # files that an error names

Array = NDArray[Any]
Part = tuple[Array, Array]  # pixels uint8 [N, 3, 32, 32] and labels int64 [N]


@dataclass(frozen=True)
class Copy:
    """Images and labels of both parts, with what the copy says about them.

    `official`: True if published checksums prove the pixels, False if any image was stored with
    losses, None if neither is known.
    """

    train: Part
    test: Part
    class_names: tuple[str, ...]
    official: bool | None = None


class Reading(NamedTuple):
    """One part as it was read: images and labels, class names, and whether any image is lossy."""

    part: Part
    class_names: tuple[str, ...]
    lossy: bool


class Format(Protocol):
    """A format's module. `recognize` returns None for another format, and refuses an incomplete
    copy of its own; `LAYOUT` describes what it accepts.
    """

    LAYOUT: str

    def recognize(self, path: Path) -> "Found | None": ...


@dataclass(frozen=True)
class Found:
    """A recognized copy: its format in words, its files, and the function that reads it."""

    format: str
    files: tuple[Path, ...]
    read: Callable[[], Copy]


def in_order(labels: Array, names: Sequence[str], origin: object) -> tuple[Array, tuple[str, ...]]:
    """Labels int64 and class names, in CIFAR-10's order if the names are CIFAR-10's."""
    names = tuple(names)
    if len(names) != CLASSES:
        known = ", as CIFAR-100 has them" if len(names) == 100 else ""
        raise UserError(
            f"{origin}: {len(names)} classes{known} ({listed(names)}); CIFAR-10 has {CLASSES}"
        )
    if len(set(names)) != CLASSES:
        raise UserError(f"{origin}: class names must differ, but are {list(names)}")
    labels = labels.astype(np.int64)
    if set(names) != set(CLASS_NAMES) or not within(labels, CLASSES):
        return labels, names  # writing the prepared data refuses labels out of range
    return np.array([CLASS_NAMES.index(name) for name in names])[labels], CLASS_NAMES


def within(labels: Array, classes: int) -> bool:
    """Whether all labels are among 0 … classes - 1."""
    return not labels.size or bool(labels.min() >= 0 and labels.max() < classes)


def together(train: Reading, test: Reading, origin: object) -> Copy:
    """Both parts as one copy, without published checksums."""
    names = same_names(train.class_names, test.class_names, origin)
    return Copy(train.part, test.part, names, False if train.lossy or test.lossy else None)


def same_names(train: tuple[str, ...], test: tuple[str, ...], origin: object) -> tuple[str, ...]:
    """The class names of both parts, which must be the same."""
    if train != test:
        raise UserError(
            f"{origin}: the training images' classes are {list(train)}, "
            f"the test images' {list(test)}"
        )
    return train


def listed(values: Sequence[object]) -> str:
    """The first few values, and how many more there are."""
    more = f" and {len(values) - SHOWN} more" if len(values) > SHOWN else ""
    return ", ".join(map(str, values[:SHOWN])) + more


def naturally(name: str) -> tuple[tuple[int, int | str], ...]:
    """A sorting key: numbers in names count as numbers, so that 10.png comes after 9.png."""
    pieces = re.split(r"([0-9]+)", name)
    return tuple((0, int(piece)) if piece.isdecimal() else (1, piece) for piece in pieces if piece)
