"""The rows of parquet files: encoded pictures and their labels, checked for their types."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from pyarrow import ArrowException, types  # type: ignore[attr-defined]

from landscape.data.cifar10 import CLASS_NAMES
from landscape.data.sources.copies import Array, Copy, Reading, in_order, same_names, together
from landscape.data.sources.encoded import SIZE, decode
from landscape.errors import UserError

IMAGE_COLUMNS = ("img", "image")
LIMIT = 200_000  # rows of a part; CIFAR-10 has 50,000 and 10,000
FILE_LIMIT = 2_000_000_000  # bytes of a file without compression, as it states


def read(train: Sequence[Path], test: Sequence[Path]) -> Copy:
    """All rows of both parts, in the files' order."""
    return together(_part(train), _part(test), train[0].parent)


def _part(files: Sequence[Path]) -> Reading:
    pixels, labels = [], []
    names: tuple[str, ...] = ()
    lossy, rows = False, 0
    for path in files:
        encoded, file_labels, file_names = _columns(path, LIMIT - rows)
        rows += len(encoded)
        decoded = np.empty((len(encoded), *SIZE, 3), dtype=np.uint8)
        # One thread: for images this small, several are slower (they wait for the interpreter).
        for row, content in enumerate(encoded):
            lossy |= decode(content, decoded[row], f"{path}: row {row}")
        pixels.append(decoded.transpose(0, 3, 1, 2))
        ordered, known = in_order(file_labels, file_names, path)
        labels.append(ordered)
        names = same_names(names or known, known, path)
    return Reading((np.concatenate(pixels), np.concatenate(labels)), names, lossy)


def _columns(path: Path, limit: int) -> tuple[list[bytes | None], Array, Sequence[str]]:
    """The encoded images and labels of one file, and the class names that it gives."""
    try:
        with pq.ParquetFile(path) as file:  # type: ignore[no-untyped-call]
            schema = file.schema_arrow
            found = {field.name: str(field.type) for field in schema}
            if "fine_label" in found and "label" not in found:
                raise UserError(f"{path}: this is CIFAR-100 (fine_label); CIFAR-10 is needed")
            image = next((name for name in IMAGE_COLUMNS if name in found), "")
            if not found.get(image, "").startswith(("struct<bytes: binary", "struct<bytes: large")):
                raise UserError(f"{path}: needs img: struct<bytes: binary, …>; it has {found}")
            if "label" not in found or not _is_label(schema.field("label").type):
                raise UserError(f"{path}: needs label: int64; it has {found}")
            if file.metadata.num_rows > limit:
                raise UserError(f"{path}: {file.metadata.num_rows} rows, at most {limit} are read")
            groups = map(file.metadata.row_group, range(file.metadata.num_row_groups))
            if sum(group.total_byte_size for group in groups) > FILE_LIMIT:
                raise UserError(f"{path}: larger than {FILE_LIMIT} bytes when decompressed")
            table = file.read(columns=[f"{image}.bytes", "label"])
            if table["label"].null_count:
                raise UserError(f"{path}: {table['label'].null_count} labels are null")
            told = _class_names(schema.metadata or {}, path)
            labels, names = _labels(table["label"].combine_chunks(), told, path)
            images = [chunk.field("bytes").to_pylist() for chunk in table[image].chunks]
    except (OSError, ArrowException, MemoryError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not readable as parquet ({error})") from None
    return [content for chunk in images for content in chunk], labels, names


def _is_label(kind: Any) -> bool:
    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(types.is_integer(kind) or types.is_string(kind))


def _labels(column: Any, names: Sequence[str] | None, path: Path) -> tuple[Array, Sequence[str]]:
    """Labels as integers, and their names: the file's own, or CIFAR-10's for numbers."""
    if types.is_dictionary(column.type) and types.is_integer(column.type.value_type):
        column = column.dictionary_decode()
    if types.is_integer(column.type):
        labels = column.to_numpy(zero_copy_only=False)
        if names is None and labels.size and labels.max() >= 99:
            raise UserError(f"{path}: labels up to {labels.max()}, as CIFAR-100 has; not CIFAR-10")
        return labels, names if names is not None else CLASS_NAMES
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    text = np.array(column.to_pylist(), dtype=str)
    present, labels = np.unique(text, return_inverse=True)
    return labels, present.tolist()


def _class_names(metadata: dict[bytes, bytes], path: Path) -> list[str] | None:
    """The names of the labels, from the file's `datasets` metadata; None without any."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        names = features["label"]["names"]
    except (KeyError, TypeError, ValueError):
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path}: label names in its metadata must be text, not {names!r:.80}")
    return names
