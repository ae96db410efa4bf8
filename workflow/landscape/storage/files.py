"""Files that are either whole or absent: atomic writes, checksums, JSON."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from landscape.errors import UserError

SEAL = "seal"  # key of a sealed JSON file


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that appears at `path` only when the block ends well.

    Temporary file in the same folder -> flush -> fsync -> rename -> fsync of the folder, so that
    neither a kill nor a power cut leaves a part of a file under its final name. A full or read-only
    disk is a UserError; what was there before stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"
        )
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
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from None


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


def require_space(folder: Path, needed: int) -> None:
    """Refuse to start what will not fit: `needed` bytes, of which none is there yet."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"{folder}: {free / 1e6:,.1f} MB are free on this disk, but about "
            f"{needed / 1e6:,.1f} MB are needed; free some, or set results to another disk"
        )


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
    write_bytes(path, _json(content))


def write_sealed_json(path: Path, content: dict[str, Any]) -> None:
    """As `write_json`, with a checksum of the content in it, which `read_json` verifies."""
    write_bytes(path, sealed_json(content))


def sealed_json(content: dict[str, Any]) -> bytes:
    """The bytes of a sealed JSON file."""
    return _json({**content, SEAL: _seal(content)})


def _json(content: Any) -> bytes:
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    return (text + "\n").encode()


def read_json(path: Path) -> Any:
    """Read JSON; one that carries a seal must still be what was sealed."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (ValueError, OSError, RecursionError) as error:
        raise UserError(f"{path}: not readable as JSON ({error})") from None
    if isinstance(content, dict) and SEAL in content:
        seal = content.pop(SEAL)
        if seal != _seal(content):
            raise UserError(f"{path}: damaged or changed since it was written; make it again")
    return content


def _seal(content: dict[str, Any]) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode())


def require_recorded(path: Path, run: dict[str, Any]) -> None:
    """Refuse a file of a run that is not the one whose checksum is in its run.json."""
    recorded = run.get("files", {})
    if not isinstance(recorded, dict):
        raise UserError(f"{path.parent / 'run.json'}: files must be an object of checksums")
    if path.name in recorded:
        require_unchanged(path, recorded[path.name], "run.json", "train the run again")


def require_unchanged(path: Path, expected: object, origin: str, remedy: str) -> None:
    """Refuse a file whose checksum is not the one that `origin` says."""
    try:
        found = sha256_file(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; {remedy}") from None
    except OSError as error:
        raise UserError(f"{path}: not readable ({error.strerror})") from None
    if found != expected:
        raise UserError(
            f"{path}: damaged, its sha256 is {found} but {origin} says {expected}; {remedy}"
        )


def sha256(content: bytes | memoryview) -> str:
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
