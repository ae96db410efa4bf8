"""CIFAR-10 as parquet files, in the layout that `uoft-cs/cifar10` has on Hugging Face.

train-*.parquet, test-*.parquet    img: struct<bytes: binary, path: string>, label: int64
"""

import io
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image
from pyarrow import ArrowException  # type: ignore[attr-defined]

from landscape.data import dataset
from landscape.data.sources.download import download, shown
from landscape.errors import UserError
from landscape.storage.files import sha256, sha256_file

ADDRESS = "https://huggingface.co/datasets/uoft-cs/cifar10/resolve/main/plain_text"
FORMATS = ("PNG", "JPEG")
LOSSY = "JPEG"
MODES = ("RGB", "RGBA", "P", "L")  # those that convert to 8-bit RGB without a loss
SIZE = (32, 32)
ENCODED_LIMIT = 100_000  # bytes; 32x32 pixels have 3,072 without any compression
ROWS_LIMIT = 200_000  # per part; CIFAR-10 has 50,000 and 10,000
MAGIC = b"PAR1"  # the first and the last bytes of a parquet file

Array = NDArray[Any]


def prepare(folder: Path, path: str | None = None) -> None:
    """Read the files below `path`, a folder or an address, and write the prepared dataset."""
    path = ADDRESS if path is None else path
    if path.startswith(("http://", "https://")):
        path = path.rstrip("/")
        origin, place = shown(path), str(urlsplit(path).hostname)
        files = {part: [_fetch(path, part, folder)] for part in dataset.PARTS}
    else:
        source = Path(path).expanduser().resolve()
        origin = place = source.name
        files = {part: _find(source, part) for part in dataset.PARTS}
    lossy = False
    arrays = {}
    for part, paths in files.items():
        arrays[part], part_is_lossy = _read(paths)
        lossy |= part_is_lossy
    dataset.write(
        folder,
        arrays["train"],
        arrays["test"],
        {
            "source": "parquet",
            "name": f"CIFAR-10 {'with re-encoded pixels ' if lossy else ''}({place})",
            "origin": origin,
            # Lossless files may well hold the official pixels, but nothing here proves it.
            "official_pixels": False if lossy else None,
            "files": [
                {
                    "name": file.name,
                    "bytes": file.stat().st_size,
                    "sha256": sha256_file(file),
                }
                for part in dataset.PARTS
                for file in files[part]
            ],
            "class_names": list(dataset.CLASS_NAMES),
        },
    )


def _fetch(address: str, part: str, folder: Path) -> Path:
    name = f"{part}-00000-of-00001.parquet"
    # In a folder of this address: files of another one must not be taken for its own.
    path = folder / sha256(address.encode())[:12] / name
    download(f"{address}/{name}", path)
    # The address publishes no checksum, so that a wrong file must not stay to be found again.
    with path.open("rb") as file:
        head = file.read(len(MAGIC))
        file.seek(max(-len(MAGIC), -path.stat().st_size), io.SEEK_END)
        tail = file.read()
    if head != MAGIC or tail != MAGIC:
        path.unlink()
        raise UserError(f"{shown(address)}/{name}: what came is not a parquet file (removed)")
    return path


def _find(folder: Path, part: str) -> list[Path]:
    """The part's files in order; their names `…-00000-of-00002` say whether one is missing."""
    if not folder.is_dir():
        raise UserError(f"data.path: no such folder: {str(folder)!r}")
    files = sorted(folder.glob(f"{part}-*.parquet"))
    if not files:
        raise UserError(f"data.path: no {part}-*.parquet in {str(folder)!r}")
    shards = [re.search(r"-(\d+)-of-(\d+)\.parquet$", file.name) for file in files]
    numbers = [(int(shard[1]), int(shard[2])) for shard in shards if shard]
    if numbers and numbers != [(number, numbers[0][1]) for number in range(numbers[0][1])]:
        names = [file.name for file in files]
        raise UserError(f"data.path: {names} in {str(folder)!r} are not all files of one dataset")
    return files


def _read(paths: list[Path]) -> tuple[tuple[Array, Array], bool]:
    """Pixels [N, 3, 32, 32] and labels [N] in the files' order, and whether any image is lossy."""
    pixels, labels = [], []
    lossy = False
    rows = 0
    for path in paths:
        encoded, file_labels = _columns(path, ROWS_LIMIT - rows)
        rows += len(encoded)
        decoded = np.empty((len(encoded), *SIZE, 3), dtype=np.uint8)
        # One thread: for images this small, threads are slower (they wait for the interpreter).
        for row, content in enumerate(encoded):
            lossy |= _decode(content, decoded[row], f"{path}: row {row}")
        pixels.append(decoded.transpose(0, 3, 1, 2))
        labels.append(file_labels)
    return (np.concatenate(pixels), np.concatenate(labels)), lossy


def _columns(path: Path, limit: int) -> tuple[list[bytes | None], Array]:
    """The encoded images and the labels int64 of one file, checked for their types."""
    try:
        with pq.ParquetFile(path) as file:  # type: ignore[no-untyped-call]
            found = {field.name: str(field.type) for field in file.schema_arrow}
            if not found.get("img", "").startswith("struct<bytes: binary"):
                raise UserError(f"{path}: needs img: struct<bytes: binary, …>; it has {found}")
            if found.get("label") != "int64":
                raise UserError(f"{path}: needs label: int64; it has {found}")
            if file.metadata.num_rows > limit:
                raise UserError(f"{path}: {file.metadata.num_rows} rows, at most {limit} are read")
            table = file.read(columns=["img.bytes", "label"])
    except (OSError, ArrowException) as error:
        raise UserError(f"{path}: not readable as parquet ({error})") from None
    if table["label"].null_count:
        raise UserError(f"{path}: {table['label'].null_count} labels are null")
    images = [chunk.field("bytes").to_pylist() for chunk in table["img"].chunks]
    return [image for chunk in images for image in chunk], table["label"].to_numpy()


def _decode(content: bytes | None, target: Array, origin: str) -> bool:
    """Decode one image into `target` uint8 [32, 32, 3]; returns whether its format is lossy."""
    if content is None:
        raise UserError(f"{origin}: no image")
    if len(content) > ENCODED_LIMIT:
        raise UserError(f"{origin}: {len(content)} bytes, at most {ENCODED_LIMIT} are read")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.size != SIZE or image.mode not in MODES:
                found = f"{image.width}x{image.height} {image.mode}"
                raise UserError(f"{origin}: must be 32x32 in one of {MODES}, not {found}")
            raw = image.convert("RGB").tobytes()
            lossy = image.format == LOSSY
    except UserError:
        raise
    except Exception as error:  # pillow's decoders raise anything on broken bytes
        raise UserError(f"{origin}: not readable as an image ({error})") from None
    target[:] = np.frombuffer(raw, dtype=np.uint8).reshape(target.shape)
    return lossy
