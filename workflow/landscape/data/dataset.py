"""The prepared dataset: how images lie in a results folder, whatever source they came from.

train.safetensors, test.safetensors    pixels uint8 [N, 3, 32, 32], labels int64 [N]
SHA256SUMS                             their checksums, as `sha256sum -c` reads them
dataset.json                           what they are; written last, so that it vouches for both
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray

from landscape.config.runs import Split
from landscape.data.cifar10 import CLASSES, IMAGE_SHAPE
from landscape.errors import UserError
from landscape.storage import files

# The two choices of a split draw from generators of their own: a configured seed is below 2**31.
_TRAINING_STREAM = 2**31

# The keys of dataset.json that programs read, with the JSON type that each must have.
_DESCRIPTION: dict[str, type] = {
    "source": str,
    "name": str,
    "files": list,
    "train_images": int,
    "test_images": int,
    "class_names": list,
    "tensors": dict,
    "sha256": str,
    "mean": list,
    "std": list,
}

Array = NDArray[Any]


@dataclass(frozen=True)
class Images:
    """Labelled images: `pixels` uint8 [N, 3, 32, 32] in RGB, `labels` int64 [N]."""

    pixels: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, indices: torch.Tensor) -> "Images":
        return Images(self.pixels[indices], self.labels[indices])


def verify(pixels: Array, labels: Array, part: str) -> None:
    """Refuse arrays that are not labelled images of ten classes; errors name the property."""
    if pixels.dtype != np.uint8:
        raise UserError(f"{part} pixels: dtype is {pixels.dtype}, must be uint8")
    if pixels.ndim != 4 or pixels.shape[1:] != IMAGE_SHAPE:
        raise UserError(f"{part} pixels: shape is {list(pixels.shape)}, must be [N, 3, 32, 32]")
    if labels.dtype not in (np.int64, np.uint8):
        raise UserError(f"{part} labels: dtype is {labels.dtype}, must be int64 or uint8")
    if labels.ndim != 1:
        raise UserError(f"{part} labels: shape is {list(labels.shape)}, must be [N]")
    if len(pixels) != len(labels):
        raise UserError(f"{part}: length differs, {len(pixels)} images but {len(labels)} labels")
    outside = labels[(labels < 0) | (labels >= CLASSES)]
    if outside.size:
        raise UserError(f"{part} labels: range is 0..{CLASSES - 1}, but {outside[0]} is among them")
    absent = sorted(set(range(CLASSES)) - set(np.unique(labels).tolist()))
    if absent:
        raise UserError(f"{part} labels: every class must be present, but {absent} are not")


def describe(folder: Path) -> dict[str, Any]:
    """dataset.json of a prepared dataset, with the keys that are read checked for their type."""
    path = folder / "dataset.json"
    if not path.exists():
        raise UserError(f"{path}: no such file; `python -m landscape dataset` makes it")
    content = files.read_json(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: must hold an object, not {type(content).__name__}")
    for key, kind in _DESCRIPTION.items():
        if not isinstance(content.get(key), kind):
            raise UserError(f"{path}: {key} must be {kind.__name__}, not {content.get(key)!r}")
    return content


def load(folder: Path, part: Literal["train", "test"]) -> Images:
    """Memory-map one part, after its file's checksum: a flipped bit must never be trained on."""
    path = tensor_file(folder, part)
    expected = describe(folder)["tensors"].get(path.name)
    files.require_unchanged(
        path, expected, "dataset.json", "without it the same command prepares the data again"
    )
    try:
        tensors = safetensors.torch.load_file(path)
        images = Images(tensors["pixels"], tensors["labels"])
    except (safetensors.SafetensorError, KeyError) as error:
        raise UserError(f"{path}: does not hold pixels and labels ({error})") from None
    verify(images.pixels.numpy(), images.labels.numpy(), str(path))
    return images


def split(train: Images, split: Split) -> tuple[Images, Images]:
    """The images to train on and the images held out for validation, both in the official order.

    Both are class-balanced. Validation is drawn first and from all images, so that it stays the
    same whatever `train_images` is; `train_images: null` takes all that remain.
    """
    everything = torch.arange(len(train))
    held_out = class_balanced(
        train.labels, split.validation_images, split.seed, key="split.validation_images"
    )
    remain = torch.ones(len(train), dtype=torch.bool)
    remain[held_out] = False
    chosen = everything[remain]
    if not len(chosen):
        raise UserError(
            f"split.validation_images: {split.validation_images} of {len(train)} training images "
            "leave none to train on"
        )
    if split.train_images is not None:
        chosen = chosen[
            class_balanced(
                train.labels[chosen],
                split.train_images,
                split.seed + _TRAINING_STREAM,
                key="split.train_images",
            )
        ]
    return train[chosen], train[held_out]


def class_balanced(labels: torch.Tensor, count: int, seed: int, key: str = "count") -> torch.Tensor:
    """Ascending indices int64 [count] of images whose counts per class differ by at most one.

    A larger count with the same seed contains the smaller one. `key` is what an error calls
    `count`.
    """
    generator = torch.Generator().manual_seed(seed)
    members = [torch.nonzero(labels == label).flatten() for label in range(CLASSES)]
    shuffled = [member[torch.randperm(len(member), generator=generator)] for member in members]
    order = torch.randperm(CLASSES, generator=generator).tolist()

    each, extra = divmod(count, CLASSES)
    smallest = min(len(member) for member in members)
    larger = [label for label in order if len(members[label]) > each]
    if each > smallest or extra > len(larger):
        available = smallest * CLASSES + sum(len(member) > smallest for member in members)
        raise UserError(
            f"{key}: {count} images asked for, but of these {len(labels)} a class-balanced part "
            f"has at most {available}"
        )
    one_more = set(larger[:extra])
    chosen = [shuffled[label][: each + (label in one_more)] for label in range(CLASSES)]
    return torch.cat(chosen).sort().values


def tensor_file(folder: Path, part: str) -> Path:
    return folder / f"{part}.safetensors"
