"""Keras's arrays in one file: cifar10.npz with x_train, y_train, x_test and y_test.

x: uint8 [N, 32, 32, 3] or [N, 3, 32, 32]; y: integers [N] or [N, 1]. It names no classes: they are
CIFAR-10's, in its order.
"""

import zipfile
from functools import partial
from pathlib import Path

import numpy as np

from landscape.data.cifar10 import CLASS_NAMES, IMAGE_SHAPE
from landscape.data.sources.copies import Array, Copy, Found, Part, in_order, listed
from landscape.errors import UserError

FORMAT = "Keras's cifar10.npz"
LAYOUT = "cifar10.npz with x_train, y_train, x_test and y_test, as Keras has them"
KEYS = ("x_train", "y_train", "x_test", "y_test")
LIMIT = 700_000_000  # bytes, decompressed; CIFAR-10 has 184 MB


def recognize(path: Path) -> Found | None:
    """The file `path`, or the only such file in the folder `path`."""
    files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
    files = [file for file in files if set(KEYS) <= set(_members(file))]
    if len(files) > 1:
        names = listed([file.name for file in files])
        raise UserError(f"{path}: has several such files, {names}; name one")
    return Found(FORMAT, (files[0],), partial(_read, files[0])) if files else None


def _members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as file:
            return [name.removesuffix(".npy") for name in file.namelist()]
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return []


def _read(path: Path) -> Copy:
    try:
        with zipfile.ZipFile(path) as file:
            size = sum(member.file_size for member in file.infolist())
        if size > LIMIT:
            raise UserError(f"{path}: {size} bytes when decompressed, at most {LIMIT} are read")
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in KEYS}
    except UserError:
        raise
    except Exception as error:  # zip and npy readers can raise any error on broken bytes
        raise UserError(f"{path}: not readable as npz ({error})") from None
    train, test = (_part(path, arrays, part) for part in ("train", "test"))
    return Copy(train, test, CLASS_NAMES)


def _part(path: Path, arrays: dict[str, Array], part: str) -> Part:
    pixels, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
    if pixels.dtype != np.uint8:
        raise UserError(f"{path}: x_{part} must be uint8, as CIFAR-10's pixels are: {pixels.dtype}")
    if pixels.ndim == 4 and pixels.shape[1:] == (*IMAGE_SHAPE[1:], IMAGE_SHAPE[0]):
        pixels = pixels.transpose(0, 3, 1, 2)
    if pixels.ndim != 4 or pixels.shape[1:] != IMAGE_SHAPE:
        raise UserError(f"{path}: x_{part} must be [N, 32, 32, 3], not {list(pixels.shape)}")
    if labels.dtype.kind not in "iu" or labels.shape not in ((len(pixels),), (len(pixels), 1)):
        raise UserError(
            f"{path}: y_{part} must be {len(pixels)} integers, not {labels.dtype} "
            f"{list(labels.shape)}"
        )
    if labels.size and labels.max() >= 99:
        raise UserError(f"{path}: labels up to {labels.max()}, as CIFAR-100 has; not CIFAR-10")
    return pixels, in_order(labels.reshape(-1), CLASS_NAMES, path)[0]
