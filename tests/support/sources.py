"""Archives, parquet folders and a server, good and bad, as the sources meet them."""

import hashlib
import io
import json
import pickle
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from landscape.data.cifar10 import CLASS_NAMES
from landscape.data.sources import batches, binary
from landscape.data.sources.download import download

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()
IMAGES = 20  # per batch of an archive, and per part of a parquet folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@dataclass
class Server:
    """Answers each request with the next of `behaviours`; the last one stays.

    Its content is the same at every address, but for the names that `files` has.
    """

    address: str
    content: bytes = CONTENT
    files: dict[str, bytes] = field(default_factory=dict)
    behaviours: list[str] = field(default_factory=lambda: ["good"])
    ranges: list[str | None] = field(default_factory=list)

    def next(self, asked: str | None) -> str:
        self.ranges.append(asked)
        return self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            content = state.files.get(self.path.rpartition("/")[2], state.content)
            answer(self, state.next(asked), content, asked)

        def log_message(self, *_: Any) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Server(f"http://127.0.0.1:{listening.server_address[1]}/file.bin")
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield state
    listening.shutdown()
    listening.server_close()
    thread.join()


def answer(
    handler: BaseHTTPRequestHandler, behaviour: str, content: bytes, asked: str | None
) -> None:
    start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
    if behaviour == "gone":
        handler.send_error(404)
        return
    if behaviour == "busy":
        handler.send_error(503)
        return
    kind, body, total = "application/octet-stream", content, len(content)
    if behaviour == "html":
        kind, body = "text/html; charset=utf-8", b"<!DOCTYPE html><p>Sign in to the network"
    elif behaviour == "disguised html":
        body = b"<!DOCTYPE html><p>Sign in to the network"
    elif behaviour == "wrong byte":
        body = content[:1000] + bytes([content[1000] ^ 1]) + content[1001:]
    if behaviour in ("html", "disguised html", "ignores range"):
        start, total = 0, len(body)
    if start >= total:
        handler.send_response(416)
        handler.send_header("Content-Range", f"bytes */{total}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    if asked and behaviour not in ("html", "disguised html", "ignores range"):
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
    else:
        handler.send_response(200)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(total - start))
    handler.end_headers()
    body = body[start:]
    handler.wfile.write(body[: len(body) // 2] if behaviour == "cut" else body)


def fetch(server: Server, path: Path, waits: list[float] | None = None, **changed: Any) -> None:
    keywords: dict[str, Any] = {"sha256": SHA256, "md5": MD5, **changed}
    download(server.address, path, wait=(waits if waits is not None else []).append, **keywords)


# --- copies of CIFAR-10, as their writers make them ---


def batch(seed: int, images: int = IMAGES) -> dict[bytes, Any]:
    generator = np.random.default_rng(seed)
    return {
        b"batch_label": b"a test",
        b"labels": (generator.permutation(images) % 10).tolist(),
        b"data": generator.integers(0, 256, (images, 3072), dtype=np.uint8),
        b"filenames": [b"%d.png" % number for number in range(images)],
    }


class _Python2(pickle._Pickler):
    """Strings as Python 2 wrote them, which wrote the official batches; not to be loaded by it."""

    def save_string(self, content: bytes) -> None:
        short = len(content) < 256
        size = len(content).to_bytes(1 if short else 4, "little")
        self.write((b"U" if short else b"T") + size + content)
        self.memoize(content)

    dispatch = {**pickle._Pickler.dispatch, bytes: save_string}  # noqa: RUF012


def pickled(content: Any) -> bytes:
    buffer = io.BytesIO()
    _Python2(buffer, protocol=2).dump(content)
    return buffer.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


BATCHES = {name: pickled(batch(seed)) for seed, name in enumerate(batches.BATCHES)}
FIRST = batches.TRAIN[0]


def member(name: str, **attributes: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def archive(
    path: Path,
    contents: dict[str, bytes] = BATCHES,
    *more: tuple[tarfile.TarInfo, bytes],
    folder: str = batches.FOLDER,
) -> Path:
    """A gzipped tar of a folder, as the University of Toronto packs it; `more`: further members."""
    with tarfile.open(path, "w:gz", compresslevel=1) as file:
        file.addfile(member(folder, type=tarfile.DIRTYPE))
        for name, content in contents.items():
            file.addfile(member(f"{folder}/{name}", size=len(content)), io.BytesIO(content))
        for info, content in more:
            file.addfile(info, io.BytesIO(content))
    return path


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def encode(pixels: np.ndarray, kind: str = "PNG", mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def tiles(seed: int, count: int = IMAGES) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


TILES, TEST_TILES = tiles(1), tiles(2)
LABELS = list(range(10)) * (IMAGES // 10)
GOOD, TEST_GOOD = ([encode(tile) for tile in images] for images in (TILES, TEST_TILES))
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def table(images: list[bytes | None], labels: list[Any] | None = None) -> pa.Table:
    return pa.table(
        {
            "img": pa.array([{"bytes": image, "path": None} for image in images], type=IMAGE),
            "label": pa.array(LABELS if labels is None else labels, type=pa.int64()),
        }
    )


def labelled(rows: pa.Table, names: list[str]) -> pa.Table:
    """With the features that `datasets` notes in a file's metadata."""
    features = {"img": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    return rows.replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )


def parquet_folder(folder: Path, train: pa.Table, test: pa.Table | None = None) -> Path:
    folder.mkdir(parents=True)
    pq.write_table(train, folder / "train-00000-of-00001.parquet", row_group_size=7)
    test = table(TEST_GOOD) if test is None else test
    pq.write_table(test, folder / "test-00000-of-00001.parquet")
    return folder


# The same images in every format: five training batches of `IMAGES` and one of test images.
ALL_TILES = np.concatenate([tiles(10 + number) for number in range(6)])
_draw = np.random.default_rng(3)
ALL_LABELS = np.concatenate([_draw.permutation(IMAGES) % 10 for _ in range(6)])
TRAIN, TEST = slice(0, 5 * IMAGES), slice(5 * IMAGES, 6 * IMAGES)
PARTS = {"train": TRAIN, "test": TEST}
NAMES = list(CLASS_NAMES)


def _batch_files() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    planes = ALL_TILES.transpose(0, 3, 1, 2).reshape(-1, 3072)
    for number, name in enumerate(batches.BATCHES):
        rows = slice(number * IMAGES, (number + 1) * IMAGES)
        yield name, planes[rows], ALL_LABELS[rows]


def python_batches() -> dict[str, bytes]:
    """The files that torchvision reads."""
    contents = {
        name: pickled(
            {
                b"batch_label": name.encode(),
                b"labels": labels.tolist(),
                b"data": data,
                b"filenames": [b"%d.png" % number for number in range(len(data))],
            }
        )
        for name, data, labels in _batch_files()
    }
    meta = {
        b"num_cases_per_batch": IMAGES,
        b"label_names": [name.encode() for name in NAMES],
        b"num_vis": 3072,
    }
    return {**contents, batches.META: pickled(meta)}


def binary_batches() -> dict[str, bytes]:
    contents = {
        f"{name}.bin": np.hstack([labels[:, None].astype(np.uint8), data]).tobytes()
        for name, data, labels in _batch_files()
    }
    return {**contents, binary.META: ("\n".join(NAMES) + "\n\n").encode()}


def write_all(folder: Path, contents: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


def torchvision_folder(path: Path) -> Path:
    write_all(path / batches.FOLDER, {**python_batches(), "readme.html": b"<html>"})
    return path


def binary_folder(path: Path) -> Path:
    write_all(path / binary.FOLDER, {**binary_batches(), "readme.html": b"<html>"})
    return path


def python_archive(path: Path) -> Path:
    return archive(path / "cifar-10-python.tar.gz", python_batches())


def binary_archive(path: Path) -> Path:
    return archive(path / "renamed", binary_batches(), folder=binary.FOLDER)


def keras_file(path: Path) -> Path:
    """What keras.datasets.cifar10.load_data() returns, saved by numpy."""
    arrays = {}
    for part, rows in PARTS.items():
        arrays[f"x_{part}"] = ALL_TILES[rows]
        arrays[f"y_{part}"] = ALL_LABELS[rows].astype(np.uint8)[:, None]
    np.savez_compressed(path / "cifar10.npz", **arrays)
    return path / "cifar10.npz"


def hub_rows(part: str, kind: str = "PNG", **options: Any) -> pa.Table:
    rows = PARTS[part]
    images = [encode(tile, kind, **options) for tile in ALL_TILES[rows]]
    return labelled(table(images, ALL_LABELS[rows].tolist()), NAMES)


def hub_repository(path: Path) -> Path:
    """uoft-cs/cifar10, cloned."""
    parquet_folder(path / "plain_text", hub_rows("train"), hub_rows("test"))
    (path / "README.md").write_text("---\nlicense: unknown\n---\n")
    return path


def hub_cache(path: Path) -> Path:
    """The same in huggingface_hub's cache: links to blobs."""
    snapshot = path / "snapshots" / "0b2714987fa478483af9968de7c934580d0bb9a2"
    (path / "blobs").mkdir()
    (path / "refs").mkdir()
    (path / "refs" / "main").write_text(snapshot.name)
    (snapshot / "plain_text").mkdir(parents=True)
    for part in PARTS:
        blob = path / "blobs" / hashlib.sha256(part.encode()).hexdigest()
        pq.write_table(hub_rows(part), blob)
        link = snapshot / "plain_text" / f"{part}-00000-of-00001.parquet"
        link.symlink_to(Path("../../../blobs") / blob.name)
    return path


def hub_shards(path: Path) -> Path:
    """As older versions of `datasets` push them: hashes in the shards' names."""
    for part in PARTS:
        rows = hub_rows(part)
        half = len(rows) // 2
        for number, slice_ in enumerate((rows[:half], rows[half:])):
            name = f"{part}-{number:05}-of-00002-{number + 7:016x}.parquet"
            pq.write_table(slice_, path / name)
    return path


def class_folders(path: Path) -> Path:
    for part, rows in PARTS.items():
        for number, (tile, label) in enumerate(zip(ALL_TILES[rows], ALL_LABELS[rows], strict=True)):
            place = path / part / NAMES[label]
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{number}_{NAMES[label]}.png").write_bytes(encode(tile))
    return path


def named_pictures(path: Path) -> Path:
    for part, rows in PARTS.items():
        (path / part).mkdir()
        for number, (tile, label) in enumerate(zip(ALL_TILES[rows], ALL_LABELS[rows], strict=True)):
            (path / part / f"{number}_{NAMES[label]}.png").write_bytes(encode(tile))
    return path


def kaggle_folder(path: Path, test: bool = True) -> Path:
    for part, rows in PARTS.items():
        (path / part).mkdir()
        lines = ["id,label"]
        for number, (tile, label) in enumerate(
            zip(ALL_TILES[rows], ALL_LABELS[rows], strict=True), 1
        ):
            (path / part / f"{number}.png").write_bytes(encode(tile))
            lines.append(f"{number},{NAMES[label]}")
        if part == "train" or test:
            (path / f"{part}Labels.csv").write_text("\n".join(lines) + "\n")
    (path / "sampleSubmission.csv").write_text("id,label\n1,cat\n")
    return path


WRITERS = {
    "torchvision": torchvision_folder,
    "binary": binary_folder,
    "python archive": python_archive,
    "binary archive": binary_archive,
    "keras": keras_file,
    "hub repository": hub_repository,
    "hub cache": hub_cache,
    "hub shards": hub_shards,
    "class folders": class_folders,
    "named pictures": named_pictures,
    "kaggle": kaggle_folder,
}
