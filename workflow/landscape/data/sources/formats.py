"""The accepted formats of CIFAR-10, and their recognition at a path.

Each is a module, a `copies.Format`; the first in the list that recognizes a path reads it.
"""

import json
from pathlib import Path

from landscape.config.study import Source
from landscape.data.sources import (
    archive,
    batches,
    binary,
    cifar100,
    kaggle,
    npz,
    parquet,
    pictures,
)
from landscape.data.sources.copies import Format, Found
from landscape.errors import UserError
from landscape.storage.files import sha256

FORMATS: tuple[Format, ...] = (batches, binary, archive, parquet, npz, kaggle, pictures)
TAKEN = "\n".join(f"  - {form.LAYOUT}" for form in FORMATS)
HOW = "make study DATA=path/to/it, or data.path in the configuration"


def recognize(path: Path) -> Found:
    """The copy of CIFAR-10 at `path`; otherwise an error that lists the accepted formats."""
    if not path.exists():
        link = " (a link to nothing)" if path.is_symlink() else ""
        raise UserError(f"data.path: no such file or folder{link}: {str(path)!r}")
    try:
        for form in FORMATS:
            if found := form.recognize(path):
                return found
        cifar100.refuse(path)
    except OSError as error:
        raise UserError(f"data.path: {path}: not readable ({error.strerror or error})") from None
    raise UserError(f"data.path: no copy of CIFAR-10 in {str(path)!r}. Accepted are:\n{TAKEN}")


def require(source: Source, folder: Path) -> None:
    """Refuse a path without a copy, before any job starts.

    If the data in `folder` are already prepared from these settings, the path is not needed.
    """
    if source.local_path is not None and not is_prepared(source, folder):
        recognize(source.local_path)


def is_prepared(source: Source, folder: Path) -> bool:
    """Whether the data in `folder` were prepared from these settings."""
    try:
        described = json.loads((folder / "dataset.json").read_text("utf-8"))
        return bool(described["settings"] == settings_of(source))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def settings_of(source: Source) -> str:
    """A checksum of the settings, which identifies them without recording paths."""
    return sha256(source.model_dump_json().encode())
