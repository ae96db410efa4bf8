"""Files that are either whole or absent: atomic writes, checksums, tables."""

import csv
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pandas as pd

from landscape.errors import UserError


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that appears at `path` only when the block ends well.

    Temporary file in the same folder -> flush -> fsync -> rename -> fsync of the folder, so that
    neither a kill nor a power cut leaves a part of a file under its final name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def remove_temporaries(folder: Path) -> None:
    """Delete what killed writers left in a folder that nobody writes to any more."""
    for leftover in folder.glob(".*.tmp"):
        leftover.unlink(missing_ok=True)


def require_writable(folder: Path) -> None:
    """Make the folder and write to it now, rather than fail after hours of training."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"{folder}: cannot be written to ({error.strerror})") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(path: Path, content: bytes) -> None:
    with atomic_file(path) as file:
        file.write(content)


def write_json(path: Path, content: Any) -> None:
    """Write JSON; NaN and infinities are refused, because no reader agrees on them."""
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: not readable as JSON ({error})") from None


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as `.parquet` or `.csv`, by the ending; what is missing is an empty cell."""
    buffer = io.BytesIO()
    if path.suffix == ".parquet":
        table.to_parquet(buffer, index=False)
    elif path.suffix == ".csv":
        table.to_csv(buffer, index=False, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
    else:
        raise ValueError(f"{path}: a table ends in .parquet or .csv")
    write_bytes(path, buffer.getvalue())


def read_table(path: Path, columns: set[str] | None = None) -> pd.DataFrame:
    """Read a table and check that it has the `columns` it is read for."""
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".parquet": pd.read_parquet,
        ".csv": pd.read_csv,
    }
    try:
        table = readers[path.suffix](path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except Exception as error:  # each reader has exceptions of its own
        raise UserError(f"{path}: not readable as a table ({error})") from None
    missing = sorted((columns or set()) - set(table.columns))
    if missing:
        raise UserError(f"{path}: lacks the columns {missing}; it has {sorted(table.columns)}")
    return table


def sha256(content: bytes | memoryview) -> str:
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
