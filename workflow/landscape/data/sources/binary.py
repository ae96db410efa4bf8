"""The folder of the binary archive: `cifar-10-batches-bin`, six files without pickles.

data_batch_1.bin … data_batch_5.bin, test_batch.bin    records: a label's byte, 3072 pixels
batches.meta.txt                                       one class name per line; optional
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from landscape.data.cifar10 import CLASS_NAMES, CLASSES, IMAGE_SHAPE
from landscape.data.sources.batches import BATCHES, LIMIT, TEST, TRAIN
from landscape.data.sources.copies import Copy, Found, Part, in_order, listed, within
from landscape.errors import UserError

FORMAT = "the binary archive's cifar-10-batches-bin"
LAYOUT = "cifar-10-batches-bin, the binary archive's folder, or the folder around it"
FOLDER = "cifar-10-batches-bin"
META = "batches.meta.txt"
FILES = tuple(f"{name}.bin" for name in BATCHES)
RECORD = 1 + 3072  # bytes


def recognize(path: Path) -> Found | None:
    """The files in `path` or in the folder below it that the archive makes."""
    for folder in (path, path / FOLDER):
        there = {file.name for file in folder.glob("*_batch*.bin")}
        if not there:
            continue
        missing = [name for name in FILES if name not in there]
        if missing:
            raise UserError(
                f"{folder}: {FORMAT} without {listed(missing)}; an incomplete copy is not accepted"
            )
        foreign = sorted(there - set(FILES))
        if foreign:
            raise UserError(f"{folder}: {listed(foreign)} must not be in {FORMAT}; remove it")
        meta = [META] if (folder / META).exists() else []
        files = tuple(folder / name for name in (*FILES, *meta))
        return Found(FORMAT, files, partial(_read, files))
    return None


def _read(files: tuple[Path, ...]) -> Copy:
    contents = {}
    for file in files:
        try:
            with file.open("rb") as opened:
                contents[file.name] = opened.read(LIMIT + 1)
        except OSError as error:
            raise UserError(f"{file}: not readable ({error.strerror})") from None
    return copy_of(contents, files[0].parent)


def copy_of(contents: Mapping[str, bytes], origin: object, official: bool | None = None) -> Copy:
    """The images of six files and their names, given each file's content by its name."""
    names = _names(contents[META], f"{origin}/{META}") if META in contents else CLASS_NAMES
    parts = {name: _records(contents[name], f"{origin}/{name}") for name in FILES}
    pixels, labels = zip(*(parts[f"{name}.bin"] for name in TRAIN), strict=True)
    test_pixels, test_labels = parts[f"{TEST}.bin"]
    train_labels, ordered = in_order(np.concatenate(labels), names, origin)
    test_labels, _ = in_order(test_labels, names, origin)
    return Copy(
        (np.concatenate(pixels), train_labels), (test_pixels, test_labels), ordered, official
    )


def _records(content: bytes, origin: str) -> Part:
    if not content or len(content) % RECORD or len(content) > LIMIT:
        raise UserError(
            f"{origin}: {len(content)} bytes are not a whole number of records of {RECORD} bytes; "
            "the file is truncated or not CIFAR-10"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0].astype(np.int64)
    if not within(labels, CLASSES):
        raise UserError(f"{origin}: labels must be 0..9, but {labels.max()} is among them")
    return records[:, 1:].reshape(-1, *IMAGE_SHAPE), labels


def _names(content: bytes, origin: str) -> list[str]:
    try:
        return content.decode("ascii").split()
    except UnicodeDecodeError:
        raise UserError(f"{origin}: must have one class name per line") from None
