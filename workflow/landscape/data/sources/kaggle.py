"""Kaggle's competition files, unpacked: train/1.png … with trainLabels.csv (id,label).

Its test images have no labels. If there is a testLabels.csv, the pictures in test/ that it names
are the test images; the others are not read.
"""

import csv
from pathlib import Path

from landscape.data.sources.copies import Found, listed
from landscape.data.sources.pictures import LIMIT, NO_TEST_IMAGES, Labelled, found, is_picture
from landscape.errors import UserError

LAYOUT = "Kaggle's train/1.png … with trainLabels.csv, and test/1.png … with testLabels.csv"
COLUMNS = ["id", "label"]


def recognize(path: Path) -> Found | None:
    """The pictures that the tables name, in the order of their numbers."""
    if not (path / "trainLabels.csv").is_file():
        return None
    for packed in (path / f"{part}.7z" for part in ("train", "test")):
        if packed.is_file() and not packed.with_suffix("").is_dir():
            raise UserError(f"{packed}: packed; unpack it in its folder first (7z x {packed.name})")
    train = _labelled(path, "train")
    extra = sorted(set(_pictures(path / "train")) - {file.stem for file, _ in train})
    if extra:
        raise UserError(f"{path / 'train'}: {listed(extra)}: not in trainLabels.csv")
    if not (path / "testLabels.csv").is_file():
        raise UserError(
            f"{path}: {NO_TEST_IMAGES}test/ and their rows of trainLabels.csv to testLabels.csv"
        )
    test = _labelled(path, "test")
    return found("Kaggle's pictures with trainLabels.csv", path, {"train": train, "test": test})


def _pictures(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder, but there is a table of its labels next to it")
    return {file.stem: file for file in folder.iterdir() if is_picture(file)}


def _labelled(path: Path, part: str) -> Labelled:
    """The pictures of a table's rows, each once, by number."""
    table = path / f"{part}Labels.csv"
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{table}: not readable as CSV ({error})") from None
    if not rows or rows[0] != COLUMNS:
        raise UserError(f"{table}: must begin with {','.join(COLUMNS)}, as Kaggle's does")
    wrong = [row for row in rows[1:] if len(row) != 2 or not row[0].isdecimal() or not row[1]]
    if wrong:
        raise UserError(f"{table}: each row must be a number and a class, not {wrong[0]!r:.80}")
    if len(rows) > LIMIT:
        raise UserError(f"{table}: {len(rows)} rows, at most {LIMIT} are read")
    names = {int(number): name for number, name in rows[1:]}
    if len(names) < len(rows) - 1:
        raise UserError(f"{table}: the same number is in several rows")
    pictures = _pictures(path / part)
    missing = [str(number) for number in names if str(number) not in pictures]
    if missing:
        raise UserError(
            f"{path / part}: the pictures {listed(missing)} are missing; {table.name} names them"
        )
    return [(pictures[str(number)], names[number]) for number in sorted(names)]
