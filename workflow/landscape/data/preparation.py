"""Writing the prepared dataset: verified, and replacing an older one only as a whole."""

import hashlib
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch

from landscape.data.cifar10 import CLASSES, PARTS
from landscape.data.dataset import Array, tensor_file, verify
from landscape.errors import UserError
from landscape.storage import files


def write(
    folder: Path,
    train: tuple[Array, Array],
    test: tuple[Array, Array],
    provenance: dict[str, Any],
) -> None:
    """Verify (pixels, labels) of both parts and write the prepared dataset into `folder`.

    `provenance` says where they come from: `source`, `name`, `origin`, `official_pixels`, `files`
    and `class_names`. The same images and provenance give the same bytes. The bytes of the tensors
    depend only on images and class names.
    """
    names = provenance["class_names"]
    parts = dict(zip(PARTS, (train, test), strict=True))
    for part, (pixels, labels) in parts.items():
        verify(pixels, labels, part)
    if len(names) != CLASSES or not all(isinstance(name, str) for name in names):
        raise UserError(f"class_names must be {CLASSES} names, not {names!r:.200}")
    checksum = hashlib.sha256()
    facts: dict[str, Any] = {}
    contents: dict[str, bytes] = {}
    for part, (pixels, labels) in parts.items():
        pixels, labels = np.require(pixels, requirements=["C", "W"]), labels.astype(np.int64)
        checksum.update(pixels.data)
        checksum.update(labels.data)
        facts[f"{part}_images"] = len(labels)
        facts[f"{part}_images_per_class"] = np.bincount(labels, minlength=CLASSES).tolist()
        contents[tensor_file(folder, part).name] = safetensors.torch.save(
            {"pixels": torch.from_numpy(pixels), "labels": torch.from_numpy(labels)},
            {"class_names": json.dumps(names)},  # the names that a network trained on them uses
        )
    facts["mean"], facts["std"] = _channel_statistics(train[0])
    facts["tensors"] = {name: files.sha256(content) for name, content in contents.items()}
    facts["sha256"] = checksum.hexdigest()
    sums = "".join(f"{value}  {name}\n" for name, value in facts["tensors"].items())
    contents["SHA256SUMS"] = sums.encode()
    contents["dataset.json"] = files.sealed_json({**provenance, **facts})
    _replace(folder, contents)


def _replace(folder: Path, contents: dict[str, bytes]) -> None:
    """Write all files under temporary names first, then rename them in order."""
    with ExitStack() as stack:  # leaves its contexts in reverse order
        opened = {
            name: stack.enter_context(files.atomic_file(folder / name))
            for name in reversed(contents)
        }
        for name, content in contents.items():
            opened[name].write(content)


def _channel_statistics(pixels: Array) -> tuple[list[float], list[float]]:
    """Mean and standard deviation per channel, of pixel values scaled to [0, 1]."""
    flat = pixels.reshape(len(pixels), 3, -1)
    count = flat.shape[0] * flat.shape[2]
    # Sums of integers are exact, so the result does not depend on the order of summation.
    total = np.einsum("ncp->c", flat, dtype=np.int64)
    squares = np.einsum("ncp,ncp->c", flat, flat, dtype=np.int64)
    mean = total / count
    std = np.sqrt(squares / count - mean**2)
    return (mean / 255).tolist(), (std / 255).tolist()
