"""CIFAR-10 from its authors: the python archive of the University of Toronto."""

import gzip
import io
import pickle
import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core.multiarray import _reconstruct
from numpy.typing import NDArray

from landscape.data import dataset
from landscape.data.sources.download import download, shown
from landscape.errors import UserError

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
MD5 = "c58f30108f718f92721af3b95e74349a"

FOLDER = "cifar-10-batches-py"
TRAIN = tuple(f"{FOLDER}/data_batch_{number}" for number in range(1, 6))
TEST = f"{FOLDER}/test_batch"
NOT_READ = (FOLDER, f"{FOLDER}/batches.meta", f"{FOLDER}/readme.html")
IMAGES_PER_BATCH = 10_000
MEMBER_LIMIT = 40_000_000  # bytes; a batch has 31 MB
ARCHIVE_LIMIT = 7 * MEMBER_LIMIT  # bytes, decompressed

Part = tuple[NDArray[np.uint8], NDArray[np.int64]]


def prepare(
    folder: Path,
    url: str = URL,
    *,
    sha256: str = SHA256,
    md5: str | None = MD5,
    images_per_batch: int = IMAGES_PER_BATCH,
) -> None:
    """Download the archive into `folder`, check it before anything is parsed, and convert it.

    The archive stays, so that doing it again only checks it.
    """
    archive = folder / "cifar-10-python.tar.gz"
    download(url, archive, sha256=sha256, md5=md5)
    train, test = read_archive(archive, images_per_batch)
    dataset.write(
        folder,
        train,
        test,
        {
            "source": "official",
            "name": "CIFAR-10",
            "origin": shown(url),
            "official_pixels": sha256 == SHA256,
            "files": [
                {"name": archive.name, "bytes": archive.stat().st_size, "sha256": sha256},
            ],
            "class_names": list(dataset.CLASS_NAMES),
        },
    )


def read_archive(path: Path, images_per_batch: int = IMAGES_PER_BATCH) -> tuple[Part, Part]:
    """Training and test images of the archive, read in memory; nothing is extracted to disk."""
    members = _members(path)
    batches = {
        name: _batch(content, f"{path}: {name}", images_per_batch)
        for name, content in members.items()
    }
    pixels, labels = zip(*(batches[name] for name in TRAIN), strict=True)
    return (np.concatenate(pixels), np.concatenate(labels)), batches[TEST]


def _members(path: Path) -> dict[str, bytes]:
    """The six batches by name; anything that the official archive does not have is refused."""
    batches: dict[str, bytes] = {}
    seen = set()
    try:
        with gzip.open(path) as file:
            content = file.read(ARCHIVE_LIMIT + 1)
        # Decompressed as a whole and within a limit, no header can claim more than there is.
        if len(content) > ARCHIVE_LIMIT:
            raise UserError(f"{path}: larger than {ARCHIVE_LIMIT} bytes when decompressed")
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for member in archive:
                if member.name not in (*TRAIN, TEST, *NOT_READ):
                    raise UserError(f"{path}: unknown member {member.name!r}")
                if member.name in seen:
                    raise UserError(f"{path}: member {member.name!r} is there twice")
                seen.add(member.name)
                if member.name in NOT_READ:
                    continue
                if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
                    raise UserError(f"{path}: member {member.name!r} is not a regular file")
                if member.size > MEMBER_LIMIT:
                    raise UserError(
                        f"{path}: member {member.name!r} has {member.size} bytes, "
                        f"at most {MEMBER_LIMIT} are read"
                    )
                batch = archive.extractfile(member)
                assert batch is not None  # it is a regular file
                batches[member.name] = batch.read()
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise UserError(f"{path}: not readable as a gzipped tar archive ({error})") from None
    missing = sorted({*TRAIN, TEST} - set(batches))
    if missing:
        raise UserError(f"{path}: lacks the members {missing}")
    return batches


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickles plain containers and numpy arrays, and refuses every other name."""

    # The archive names numpy's old modules; files pickled by numpy 2 name the new ones.
    ALLOWED = {
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): str.encode,
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self.ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed") from None


def _batch(content: bytes, origin: str, images: int) -> Part:
    """Pixels [images, 3, 32, 32] and labels [images] of one pickled batch."""
    try:
        batch = _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a broken pickle can raise anything
        raise UserError(f"{origin}: not readable as a batch ({error})") from None
    if not isinstance(batch, dict) or not {b"data", b"labels"} <= set(batch):
        raise UserError(f"{origin}: must be a dictionary with b'data' and b'labels'")
    data, labels = batch[b"data"], batch[b"labels"]
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape != (images, 3072):
        found = f"{data.dtype} {data.shape}" if isinstance(data, np.ndarray) else type(data)
        raise UserError(f"{origin}: data must be uint8 ({images}, 3072), not {found}")
    if (
        not isinstance(labels, list)
        or len(labels) != images
        or not all(type(label) is int and 0 <= label < dataset.CLASSES for label in labels)
    ):
        raise UserError(f"{origin}: labels must be a list of {images} integers in 0..9")
    return data.reshape(images, *dataset.IMAGE_SHAPE), np.array(labels, dtype=np.int64)
