"""The folder that torchvision extracts: `cifar-10-batches-py`, six pickled batches.

data_batch_1 … data_batch_5, test_batch    data uint8 [N, 3072], labels: N integers
batches.meta                               label_names; optional
"""

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from landscape.data.cifar10 import CLASS_NAMES, CLASSES, IMAGE_SHAPE
from landscape.data.sources import pickles
from landscape.data.sources.copies import Copy, Found, Part, in_order, listed, within
from landscape.errors import UserError

FORMAT = "torchvision's cifar-10-batches-py"
LAYOUT = "cifar-10-batches-py, as torchvision extracts it, or the folder around it"
FOLDER = "cifar-10-batches-py"
TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST, META = "test_batch", "batches.meta"
BATCHES = (*TRAIN, TEST)
LIMIT = 40_000_000  # bytes of a batch; the official ones have 31 MB
PUBLISHED = {  # md5 of the batches of 2009, as torchvision checks them
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}


def recognize(path: Path) -> Found | None:
    """The batches in `path` or in the folder below it that torchvision makes."""
    for folder in (path, path / FOLDER):
        there = {file.name: file for file in folder.glob("*_batch*") if _is_batch(file.name)}
        if there:
            return _complete(folder, there)
    return None


def _is_batch(name: str) -> bool:
    """Whether a name is not one of the binary archive, which end in .bin."""
    return "." not in name and (name == TEST or name.startswith("data_batch_"))


def _complete(folder: Path, there: dict[str, Path]) -> Found:
    missing = [name for name in BATCHES if name not in there]
    if missing:
        raise UserError(
            f"{folder}: {FORMAT} without {listed(missing)}; an incomplete copy is not accepted"
        )
    foreign = sorted(there.keys() - set(BATCHES))
    if foreign:
        raise UserError(f"{folder}: {listed(foreign)} must not be in {FORMAT}; remove it")
    meta = [folder / META] if (folder / META).exists() else []
    files = (*(there[name] for name in BATCHES), *meta)
    return Found(FORMAT, files, partial(_read, files))


def _read(files: tuple[Path, ...]) -> Copy:
    return copy_of({file.name: _content(file) for file in files}, files[0].parent)


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(LIMIT + 1)
    except OSError as error:
        raise UserError(f"{file}: not readable ({error.strerror})") from None
    if len(content) > LIMIT:
        raise UserError(f"{file}: larger than {LIMIT} bytes, so it is no batch of CIFAR-10")
    return content


def copy_of(contents: Mapping[str, bytes], origin: object) -> Copy:
    """The images of six batches and their names, given each file's content by its name."""
    official = all(
        hashlib.md5(contents[name], usedforsecurity=False).hexdigest() == published
        for name, published in PUBLISHED.items()
    )
    names = _names(contents[META], f"{origin}/{META}") if META in contents else CLASS_NAMES
    parts = {name: _batch(contents[name], f"{origin}/{name}") for name in BATCHES}
    pixels, labels = zip(*(parts[name] for name in TRAIN), strict=True)
    train_labels, ordered = in_order(np.concatenate(labels), names, origin)
    test_labels, _ = in_order(parts[TEST][1], names, origin)
    return Copy(
        (np.concatenate(pixels), train_labels),
        (parts[TEST][0], test_labels),
        ordered,
        official or None,
    )


def _batch(content: bytes, origin: str) -> Part:
    """Pixels [N, 3, 32, 32] and labels [N] of one pickled batch."""
    batch = _unpickled(content, origin)
    if "fine_labels" in batch:
        raise UserError(f"{origin}: this is CIFAR-100 (it has fine_labels); CIFAR-10 is needed")
    if not {"data", "labels"} <= batch.keys():
        raise UserError(f"{origin}: must be a dictionary with data and labels")
    data, labels = batch["data"], batch["labels"]
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (3072,):
        found = f"{data.dtype} {data.shape}" if isinstance(data, np.ndarray) else type(data)
        raise UserError(f"{origin}: data must be uint8 (N, 3072), not {found}")
    if isinstance(labels, np.ndarray) and labels.ndim == 1 and labels.dtype.kind in "iu":
        labels = labels.tolist()
    if (
        not isinstance(labels, list)
        or len(labels) != len(data)
        or not all(type(label) is int for label in labels)
        or not within(np.array(labels), CLASSES)
    ):
        raise UserError(f"{origin}: labels must be a list of {len(data)} integers in 0..9")
    return data.reshape(len(data), *IMAGE_SHAPE), np.array(labels, dtype=np.int64)


def _names(content: bytes, origin: str) -> list[str]:
    names = _unpickled(content, origin).get("label_names")
    if not isinstance(names, list) or not all(isinstance(name, bytes | str) for name in names):
        raise UserError(f"{origin}: label_names must be a list of names, not {names!r:.80}")
    return [name.decode("latin1") if isinstance(name, bytes) else name for name in names]


def _unpickled(content: bytes, origin: str) -> dict[str, Any]:
    try:
        return pickles.read(content)
    except Exception as error:  # a broken pickle can raise any error
        raise UserError(f"{origin}: not readable as a batch ({error})") from None
