"""From a source to the prepared data: downloaded or found, read, checked and written."""

import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from landscape.config.study import Source
from landscape.data import preparation
from landscape.data.cifar10 import CLASS_NAMES, TEST_IMAGES, TRAIN_IMAGES
from landscape.data.sources import address, demo, formats, official, official_pixels
from landscape.data.sources.copies import Array, Copy, Found
from landscape.data.sources.download import DownloadError, shown
from landscape.errors import UserError
from landscape.storage import files

REPEATED = 0.01  # share of images that may be duplicates; CIFAR-10 has none
LISTED = 100  # files in dataset.json; more are combined by folder


def prepare(source: Source, folder: Path) -> None:
    """Prepare the data of `source` in `folder`; a repetition gives the same bytes.

    Downloads stay in the folder, so a repetition needs no network. Data prepared before stay until
    all of the new data are there.
    """
    if source.source == "demo":
        demo.prepare(folder)
        return
    found = _find(source, folder)
    count = f"{len(found.files):,} file" + "s" * (len(found.files) != 1)
    _say(f"taken as: {found.format}, {count}")
    copy = found.read()
    notes = [*_of_counts(copy), *_of_repeated(copy)]
    for note in notes:
        _say(f"note: {note}")
    preparation.write(
        folder, copy.train, copy.test, {**_provenance(source, found, copy), "notes": notes}
    )


def _find(source: Source, folder: Path) -> Found:
    if source.local_path is not None:
        return formats.recognize(source.local_path)
    try:
        if source.source == "official" and source.path is None:
            return official.fetch(folder)
        return address.fetch(source.path or address.HUGGING_FACE, folder)
    except DownloadError as error:
        raise UserError(
            f"{error}\nOr use a copy on this machine ({formats.HOW}):\n{formats.TAKEN}"
        ) from None


def _provenance(source: Source, found: Found, copy: Copy) -> dict[str, Any]:
    """The origin of the images, for dataset.json."""
    if source.local_path is not None:
        origin = place = source.local_path.name
    else:
        url = source.path or (official.URL if source.source == "official" else address.HUGGING_FACE)
        origin, place = shown(url), str(urlsplit(url).hostname)
    pixels = official_pixels.told(copy.train, copy.test, copy.official)
    name = "CIFAR-10" if copy.class_names == CLASS_NAMES else "images of ten classes"
    known = pixels.official or pixels.share is not None
    return {
        "source": source.source if source.path is None else "copy",
        "name": f"{name}{pixels.words}" + ("" if known else f" ({place})"),
        "origin": origin,
        "format": found.format,
        "official_pixels": pixels.official,
        "official_share": pixels.share,
        "files": _described(found.files),
        "class_names": list(copy.class_names),
        "settings": formats.settings_of(source),
    }


def _described(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Each file's name, size and checksum; for pictures, those of a folder's files together."""
    if len(paths) <= LISTED:
        return [
            {"name": path.name, "bytes": path.stat().st_size, "sha256": files.sha256_file(path)}
            for path in paths
        ]
    folders: dict[Path, list[Path]] = {}
    for path in paths:
        folders.setdefault(path.parent, []).append(path)
    return [
        {
            "name": f"{folder.parent.name}/{folder.name}",
            "files": len(inside),
            "bytes": sum(path.stat().st_size for path in inside),
            "sha256": files.sha256("".join(map(files.sha256_file, inside)).encode()),
        }
        for folder, inside in folders.items()
    ]


def _of_counts(copy: Copy) -> Iterator[str]:
    counts = len(copy.train[1]), len(copy.test[1])
    if counts != (TRAIN_IMAGES, TEST_IMAGES):
        yield (
            f"{counts[0]:,} training and {counts[1]:,} test images; "
            f"CIFAR-10 has {TRAIN_IMAGES:,} and {TEST_IMAGES:,}"
        )


def _of_repeated(copy: Copy) -> Iterator[str]:
    """Count duplicate images; too many of them are the same data used twice."""
    seen = {"training": _hashes(copy.train[0]), "test": _hashes(copy.test[0])}
    distinct = {part: set(found) for part, found in seen.items()}
    repeated = {
        f"of the {part} images occur more than once": (len(found) - len(distinct[part]), found)
        for part, found in seen.items()
    }
    shared = sum(image in distinct["training"] for image in seen["test"])
    repeated["of the test images are among the training images"] = (shared, seen["test"])
    for what, (count, images) in repeated.items():
        if count > REPEATED * len(images):
            raise UserError(f"{count:,} of {len(images):,} {what}; CIFAR-10 has no image twice")
        if count:
            yield f"{count:,} {what}"


def _hashes(pixels: Array) -> list[bytes]:
    return [hashlib.blake2b(np.ascontiguousarray(image).data).digest() for image in pixels]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
