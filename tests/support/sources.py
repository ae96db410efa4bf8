"""Archives, parquet folders and a server, good and bad, as the sources meet them."""

import hashlib
import io
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

from landscape.data.sources import official
from landscape.data.sources.download import download

CONTENT = np.random.default_rng(0).bytes(300_000)


SHA256 = hashlib.sha256(CONTENT).hexdigest()


MD5 = hashlib.md5(CONTENT).hexdigest()


IMAGES = 20  # per batch of an archive, and per part of a parquet folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@dataclass
class Server:
    """Answers each request with the next of `behaviours`; the last one stays."""

    address: str
    content: bytes = CONTENT
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
            answer(self, state.next(asked), state.content, asked)

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


def batch(seed: int, images: int = IMAGES) -> dict[bytes, Any]:
    generator = np.random.default_rng(seed)
    return {
        b"batch_label": b"a test",
        b"labels": (generator.permutation(images) % 10).tolist(),
        b"data": generator.integers(0, 256, (images, 3072), dtype=np.uint8),
        b"filenames": [b"%d.png" % number for number in range(images)],
    }


BATCHES = {
    name: pickle.dumps(batch(seed), protocol=2)
    for seed, name in enumerate((*official.TRAIN, official.TEST))
}


def member(name: str, **attributes: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def archive(
    path: Path,
    contents: dict[str, bytes] = BATCHES,
    *more: tuple[tarfile.TarInfo, bytes],
) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=1) as file:
        file.addfile(member(official.FOLDER, type=tarfile.DIRTYPE))
        for name, content in contents.items():
            file.addfile(member(name, size=len(content)), io.BytesIO(content))
        for info, content in more:
            file.addfile(info, io.BytesIO(content))
    return path


def read(path: Path) -> Any:
    return official.read_archive(path, images_per_batch=IMAGES)


FIRST = official.TRAIN[0]


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def encode(pixels: np.ndarray, kind: str = "PNG", mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, kind)
    return buffer.getvalue()


TILES = np.random.default_rng(1).integers(0, 256, (IMAGES, 32, 32, 3), dtype=np.uint8)


LABELS = list(range(10)) * (IMAGES // 10)


def table(images: list[bytes | None], labels: list[Any] | None = None) -> pa.Table:
    return pa.table(
        {
            "img": pa.array(
                [{"bytes": image, "path": None} for image in images],
                type=pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
            ),
            "label": pa.array(LABELS if labels is None else labels, type=pa.int64()),
        }
    )


def parquet_folder(folder: Path, train: pa.Table, test: pa.Table | None = None) -> Path:
    folder.mkdir()
    pq.write_table(train, folder / "train-00000-of-00001.parquet", row_group_size=7)
    test = table([encode(tile) for tile in TILES]) if test is None else test
    pq.write_table(test, folder / "test-00000-of-00001.parquet")
    return folder


GOOD = [encode(tile) for tile in TILES]
