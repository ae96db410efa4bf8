"""A copy at an address: of a folder with two parquet files, an archive, or an array file."""

import io
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from landscape.data.sources import archive, npz, parquet
from landscape.data.sources.copies import Format, Found
from landscape.data.sources.download import MissingError, download, shown
from landscape.errors import UserError
from landscape.storage.files import sha256

HUGGING_FACE = "https://huggingface.co/datasets/uoft-cs/cifar10/resolve/main/plain_text"
FILES = (*archive.SUFFIXES, ".npz")
MAGIC = b"PAR1"  # the first and the last bytes of a parquet file


def is_address(path: str) -> bool:
    return path.lower().startswith(("http://", "https://"))


def fetch(address: str, folder: Path) -> Found:
    """Download the copy at `address` into its own folder in `folder`, and recognize it."""
    address = address.rstrip("/")
    # Files of another address must not be mistaken for its own.
    place = folder / sha256(address.encode())[:12]
    name = PurePosixPath(urlsplit(address).path).name
    if name.endswith(FILES):
        download(address, place / name)
        return _recognized(address, place / name)
    for part in parquet.PARTS:
        _fetch_parquet(address, f"{part}-00000-of-00001.parquet", place)
    return _recognized(address, place)


def _recognized(address: str, place: Path) -> Found:
    forms: tuple[Format, ...] = (archive, npz, parquet)
    for form in forms:
        if found := form.recognize(place):
            return found
    aside = place.with_name(f"{place.name}.refused")
    place.replace(aside)  # otherwise it would be found again
    raise UserError(
        f"{shown(address)}: the download is not a copy of CIFAR-10; it is kept in {aside}"
    )


def _fetch_parquet(address: str, name: str, place: Path) -> None:
    try:
        download(f"{address}/{name}", place / name)
    except MissingError as missing:
        raise UserError(
            f"{missing} An address must have train-00000-of-00001.parquet and "
            "test-00000-of-00001.parquet right below it. Files in several shards "
            "(…-of-00002.parquet): download all of them, and give data.path their folder"
        ) from None
    # The address publishes no checksum; a wrong file that is kept would be found again.
    with (place / name).open("rb") as file:
        head = file.read(len(MAGIC))
        file.seek(max(-len(MAGIC), -(place / name).stat().st_size), io.SEEK_END)
        tail = file.read()
    if head != MAGIC or tail != MAGIC:
        (place / name).unlink()
        raise UserError(f"{shown(address)}/{name}: the download is not a parquet file (removed)")
