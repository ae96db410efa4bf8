"""The University of Toronto's archives, whatever they are called: read in memory, never extracted.

cifar-10-python.tar.gz    cifar-10-batches-py/…, pickled batches
cifar-10-binary.tar.gz    cifar-10-batches-bin/…, records of bytes
"""

import gzip
import hashlib
import io
import tarfile
import zlib
from functools import partial
from pathlib import Path

from landscape.data.sources import batches, binary
from landscape.data.sources.copies import Copy, Found, listed
from landscape.errors import UserError

LAYOUT = "cifar-10-python.tar.gz or cifar-10-binary.tar.gz, under any name, or the folder around it"
SUFFIXES = (".tar.gz", ".tgz", ".tar")
BINARY_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"  # published with the archive
NOT_READ = ("readme.html",)
LIMIT = 7 * batches.LIMIT  # bytes, decompressed
KNOWN = (batches.FOLDER, binary.FOLDER, "cifar-100-python", "cifar-100-binary")
HEAD = 1 << 16  # bytes, enough for the first members
GZIP = b"\x1f\x8b"


def recognize(path: Path) -> Found | None:
    """The archive `path`, or the one in the folder `path`."""
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.name.endswith(SUFFIXES))
        archives = [file for file in files if (kind := _kind(file)) and "100" not in kind]
        if len(archives) > 1:
            names = listed([file.name for file in archives])
            raise UserError(f"{path}: has several archives of CIFAR-10, {names}; name one")
        return recognize(archives[0]) if archives else None
    match _kind(path):
        case None:
            return None
        case batches.FOLDER:
            return Found("the archive cifar-10-python.tar.gz", (path,), partial(read, path))
        case binary.FOLDER:
            return Found("the archive cifar-10-binary.tar.gz", (path,), partial(read, path))
        case other:
            raise UserError(f"{path}: this is CIFAR-100 ({other}); CIFAR-10 is needed")


def _kind(path: Path) -> str | None:
    """The first folder in the archive `path`, if it is one of CIFAR's archives."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
        if head.startswith(GZIP):
            head = zlib.decompressobj(wbits=31).decompress(head, HEAD)
        with tarfile.open(fileobj=io.BytesIO(head), mode="r:") as archive:
            for member in archive:
                if (first := _inside(member).partition("/")[0]) in KNOWN:
                    return first
    except (OSError, zlib.error, tarfile.TarError, ValueError):
        pass  # the head ends within a member
    return None


def _inside(member: tarfile.TarInfo) -> str:
    return member.name.removeprefix(".").removeprefix("/")


def read(path: Path) -> Copy:
    """The images of either archive; any member that the official ones lack is refused."""
    contents = _members(path)
    folder = next(iter(contents)).partition("/")[0]
    inside = {name.partition("/")[2]: content for name, content in contents.items()}
    expected = batches.BATCHES if folder == batches.FOLDER else binary.FILES
    missing = [name for name in expected if name not in inside]
    if missing:
        raise UserError(f"{path}: lacks the members {missing}")
    if folder == batches.FOLDER:
        return batches.copy_of(inside, f"{path}: {folder}")
    with path.open("rb") as file:
        official = hashlib.file_digest(file, _md5).hexdigest() == BINARY_MD5
    return binary.copy_of(inside, f"{path}: {folder}", official or None)


def _md5() -> "hashlib._Hash":
    return hashlib.md5(usedforsecurity=False)


def _allowed(folder: str) -> set[str]:
    if folder == batches.FOLDER:
        names = (*batches.BATCHES, batches.META, *NOT_READ)
    else:
        names = (*binary.FILES, binary.META, *NOT_READ)
    return {f"{folder}/{name}" for name in names}


def _members(path: Path) -> dict[str, bytes]:
    """The archive's files by their names in it."""
    found: dict[str, bytes] = {}
    try:
        with path.open("rb") as raw:
            packed = raw.read(len(GZIP)) == GZIP
            raw.seek(0)
            content = (gzip.GzipFile(fileobj=raw) if packed else raw).read(LIMIT + 1)
        # Decompressed as a whole within a limit, so no header can claim a larger size.
        if len(content) > LIMIT:
            raise UserError(f"{path}: larger than {LIMIT} bytes when decompressed")
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for member in archive:
                _take(path, archive, member, found)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise UserError(f"{path}: not readable as a tar archive ({error})") from None
    if not found:
        raise UserError(f"{path}: holds no file")
    return found


def _take(
    path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo, found: dict[str, bytes]
) -> None:
    """Add a member's content to `found`, if the official archive has such a member."""
    name = _inside(member) if member.name.startswith("./") or member.isdir() else member.name
    first = next(iter(found), name).partition("/")[0]
    if not name and member.isdir():
        return  # the folder in which it was packed: "."
    if first not in (batches.FOLDER, binary.FOLDER):
        raise UserError(f"{path}: unknown member {name!r}")
    if name == first and member.isdir():
        return
    if name not in _allowed(first):
        raise UserError(f"{path}: unknown member {name!r}")
    if name in found:
        raise UserError(f"{path}: member {name!r} occurs twice")
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise UserError(f"{path}: member {name!r} is not a regular file")
    if member.size > batches.LIMIT:
        raise UserError(
            f"{path}: member {name!r} has {member.size} bytes, at most {batches.LIMIT} are read"
        )
    file = archive.extractfile(member)
    assert file is not None  # it is a regular file
    found[name] = file.read()
