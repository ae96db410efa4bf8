"""Hugging Face's parquet files, as `uoft-cs/cifar10` has them.

train-00000-of-00001.parquet, test-…    img: struct<bytes: binary, path: string>, label: int64

Also with a hash in the shards' names, as train.parquet, or as train/0000.parquet; `image` for
`img`; labels of any integer type, or as a dictionary of class names. The files are in the folder
itself, in its plain_text/ or data/, or in the snapshots/ of a hub cache, where they are links.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from landscape.data.sources.copies import Copy, Found, listed
from landscape.errors import UserError

FORMAT = "Hugging Face's parquet files"
LAYOUT = (
    "train-*.parquet and test-*.parquet, as uoft-cs/cifar10 has them: their folder, the "
    "repository's, or a hub cache's snapshot"
)
PARTS = ("train", "test")
DEPTH = ("*", "*/*", "*/*/*", "*/*/*/*")  # snapshots/REVISION/plain_text/ is the deepest

_NAME = re.compile(
    r"(?:.*[-_])?(?P<part>train|test)"
    r"(?:-(?P<number>\d+)-of-(?P<count>\d+)(?:-[0-9a-f]+)?|[-_.][^/]*)?\.parquet"
)
_NUMBER = re.compile(r"(?P<number>\d+)\.parquet")


@dataclass(frozen=True)
class Shard:
    """A file, its part, and its number and their count, if its name says so."""

    path: Path
    part: str
    number: int | None = None
    count: int | None = None


def recognize(path: Path) -> Found | None:
    """All parquet files in and below the folder `path`: one complete set, or they are refused."""
    if not path.is_dir():
        if path.suffix == ".parquet":
            raise UserError(f"{path}: one of several files; name its folder")
        return None
    files = sorted({file for depth in DEPTH for file in path.glob(f"{depth}.parquet")})
    files = _referred_to(path, files)
    if not files:
        return None
    for file in files:
        if not file.exists():
            raise UserError(f"{file}: a link to a file that is not there; fetch it again")
    shards = [shard for file in files if (shard := _shard(file)) is not None]
    foreign = [file for file in files if _shard(file) is None]
    if foreign:
        raise UserError(
            f"{path}: {_below(path, foreign)}: is not one of train-*.parquet and "
            "test-*.parquet; move it elsewhere"
        )
    folders = sorted({_set_folder(shard) for shard in shards})
    if len(folders) > 1:
        raise UserError(f"{path}: has several copies, in {_below(path, folders)}; name one")
    ordered = {part: _complete(path, part, [s for s in shards if s.part == part]) for part in PARTS}
    return Found(FORMAT, (*ordered["train"], *ordered["test"]), partial(_read, ordered))


def _referred_to(path: Path, files: list[Path]) -> list[Path]:
    """In a hub cache, the files of the snapshot that refs/main names."""
    reference = path / "refs" / "main"
    if not (path / "snapshots").is_dir() or not reference.is_file():
        return files
    snapshot = path / "snapshots" / reference.read_text("utf-8", "replace").strip()
    return [file for file in files if file.is_relative_to(snapshot)] or files


def _shard(file: Path) -> Shard | None:
    """Part and number from the file's name; train/0000.parquet is the hub's own conversion."""
    if found := _NUMBER.fullmatch(file.name):
        return Shard(file, file.parent.name, int(found["number"])) if _in_part(file) else None
    if found := _NAME.fullmatch(file.name):
        numbers = [int(found[key]) if found[key] else None for key in ("number", "count")]
        return Shard(file, found["part"], *numbers)
    return None


def _in_part(file: Path) -> bool:
    return file.parent.name in PARTS


def _set_folder(shard: Shard) -> Path:
    return shard.path.parents[1] if _in_part(shard.path) else shard.path.parent


def _complete(folder: Path, part: str, shards: Sequence[Shard]) -> list[Path]:
    """The part's files in order; refused if one is missing or extra."""
    if not shards:
        raise UserError(f"data.path: no {part}-*.parquet in {str(folder)!r}")
    by_count: dict[int | None, list[Shard]] = defaultdict(list)
    for shard in shards:
        by_count[shard.count if shard.number is not None else None].append(shard)
    names = _below(folder, [shard.path for shard in shards])
    if len(by_count) > 1:
        raise UserError(f"data.path: {names} in {str(folder)!r} are not all files of one dataset")
    ((count, one),) = by_count.items()
    numbers = sorted(shard.number or 0 for shard in one)
    expected = list(range(len(one) if count is None else count))
    missing = sorted(set(expected) - set(numbers))
    if missing:
        raise UserError(
            f"data.path: {names} in {str(folder)!r} are not all files of one dataset: "
            f"number {listed(missing)} of {count if count is not None else len(numbers)} is missing"
        )
    if numbers != expected:
        raise UserError(
            f"data.path: {names} in {str(folder)!r}: more files than one dataset has; "
            "name or keep one set"
        )
    return [shard.path for shard in sorted(one, key=lambda shard: shard.number or 0)]


def _below(folder: Path, paths: Sequence[Path]) -> str:
    return listed([str(path.relative_to(folder)) for path in paths])


def _read(files: dict[str, list[Path]]) -> Copy:
    from landscape.data.sources import rows  # imports pyarrow, which only reading needs

    return rows.read(files["train"], files["test"])
