"""Pictures, one per file, whose folder or name says the class.

train/airplane/0001.png, test/airplane/…    a folder per class
train/0_frog.png, test/0_cat.png            number and class in the name

If all pictures of a part have different numbers, these are their order; otherwise class and name.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from landscape.data.sources.copies import (
    Copy,
    Found,
    Reading,
    in_order,
    listed,
    naturally,
    together,
)
from landscape.data.sources.encoded import LIMIT as FILE_LIMIT
from landscape.data.sources.encoded import SIZE, decode
from landscape.errors import UserError

LAYOUT = "train/ and test/ with a folder of pictures per class, or with names like 0_frog.png"
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
NOT_SHOWN = ("Thumbs.db", "desktop.ini")  # files of file managers
LIMIT = 200_000  # pictures of a part, at most
NO_TEST_IMAGES = (
    "training images, but no test images with labels, on which the study tests every network. "
    "Use a copy that has both, or hold out some training images: move them to "
)

Labelled = Sequence[tuple[Path, str]]  # pictures and their classes


def recognize(path: Path) -> Found | None:
    """Both parts' pictures with their classes."""
    if not (path / "train").is_dir():
        return None
    by_class = any(entry.is_dir() for entry in visible(path / "train"))
    labelled = {"train": _pictures(path / "train", by_class)}
    if not labelled["train"]:
        return None
    if not (path / "test").is_dir():
        raise UserError(f"{path}: {NO_TEST_IMAGES}{'test/CLASS/' if by_class else 'test/'}")
    labelled["test"] = _pictures(path / "test", by_class)
    return found(
        "a folder of pictures per class" if by_class else "pictures with names like 0_frog.png",
        path,
        labelled,
    )


def found(form: str, path: Path, labelled: Mapping[str, Labelled]) -> Found:
    """The pictures as a recognized copy; the number of classes is checked at once."""
    for part, pictures in labelled.items():
        names = sorted({name for _, name in pictures})
        in_order(np.empty(0), names, path / part)
    files = tuple(file for pictures in labelled.values() for file, _ in pictures)
    return Found(form, files, partial(_read, path, labelled))


def visible(folder: Path) -> list[Path]:
    """The content of a folder in natural order, without hidden files."""
    entries = (entry for entry in folder.iterdir() if not entry.name.startswith("."))
    shown = (entry for entry in entries if entry.name not in NOT_SHOWN)
    return sorted(shown, key=lambda entry: naturally(entry.name))


def is_picture(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and file.is_file()


def _pictures(folder: Path, by_class: bool) -> Labelled:
    """The part's pictures in order; other files, and pictures without a class, are refused."""
    pictures: list[tuple[Path, str]] = []
    strays: list[Path] = []
    for entry in visible(folder):
        inside = visible(entry) if by_class and entry.is_dir() else [entry]
        for file in inside:
            name = entry.name if by_class else _class_of(file)
            if is_picture(file) and name and (file is not entry or not by_class):
                pictures.append((file, name))
            else:
                strays.append(file)
    if strays and pictures:
        names = listed([str(stray.relative_to(folder)) for stray in strays])
        raise UserError(f"{folder}: {names}: not a picture with a class; move it elsewhere")
    if len(pictures) > LIMIT:
        raise UserError(f"{folder}: {len(pictures)} pictures, at most {LIMIT} are read")
    return _ordered(pictures)


def _class_of(file: Path) -> str:
    """frog, of 0_frog.png; empty if the name has no class."""
    said = re.fullmatch(r"\d+[_-]([^\d_-][^/]*)", file.stem)
    return said[1] if said else ""


def _ordered(pictures: list[tuple[Path, str]]) -> Labelled:
    numbers = [re.match(r"\d+", file.stem) for file, _ in pictures]
    counted = [int(number[0]) for number in numbers if number is not None]
    if len(set(counted)) != len(pictures):
        return sorted(pictures, key=lambda picture: (picture[1], naturally(picture[0].name)))
    return [picture for _, picture in sorted(zip(counted, pictures, strict=True))]


def _read(path: Path, labelled: Mapping[str, Labelled]) -> Copy:
    return together(_part(path, labelled["train"]), _part(path, labelled["test"]), path)


def _part(path: Path, pictures: Labelled) -> Reading:
    pixels = np.empty((len(pictures), *SIZE, 3), dtype=np.uint8)
    lossy = False
    for row, (file, _) in enumerate(pictures):
        try:
            with file.open("rb") as opened:
                content = opened.read(FILE_LIMIT + 1)
        except OSError as error:
            raise UserError(f"{file}: not readable ({error.strerror})") from None
        lossy |= decode(content, pixels[row], file)
    present, labels = np.unique([name for _, name in pictures], return_inverse=True)
    labels, names = in_order(labels, present.tolist(), path)
    return Reading((pixels.transpose(0, 3, 1, 2), labels), names, lossy)
