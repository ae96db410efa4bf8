"""The sources: connections that break, archives that lie, images that are none."""

import gzip
import hashlib
import io
import os
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from landscape.config.study import Source
from landscape.data import dataset
from landscape.data.sources import demo, official, parquet
from landscape.data.sources.download import download
from landscape.data.sources.registry import prepare
from landscape.errors import UserError
from support.artefacts import ROOT
from support.sources import (
    BATCHES,
    CONTENT,
    FIRST,
    GOOD,
    IMAGES,
    LABELS,
    SHA256,
    TILES,
    Malicious,
    Server,
    archive,
    batch,
    encode,
    fetch,
    member,
    names,
    parquet_folder,
    read,
    table,
)

# --- a server that misbehaves on request ---


def test_download(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.bin"
    fetch(server, path)
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["file.bin"]


def test_a_present_file_is_checked_and_not_downloaded_again(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(CONTENT)
    fetch(server, path)
    assert server.ranges == []
    path.write_bytes(CONTENT[:-1])
    fetch(server, path)
    assert path.read_bytes() == CONTENT


def test_a_cut_connection_is_resumed_where_it_was_cut(server: Server, tmp_path: Path) -> None:
    server.behaviours = ["cut", "cut", "good"]
    waits: list[float] = []
    fetch(server, tmp_path / "file.bin", waits)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=150000-", "bytes=225000-"]
    assert len(waits) == 2
    assert waits[0] < waits[1]


def test_another_process_goes_on_with_the_part(server: Server, tmp_path: Path) -> None:
    server.behaviours = ["cut"]
    with pytest.raises(UserError, match="connection failed"):
        fetch(server, tmp_path / "file.bin", attempts=1)
    assert names(tmp_path) == ["file.bin.part"]
    server.behaviours = ["good"]
    fetch(server, tmp_path / "file.bin")
    assert server.ranges[-1] == "bytes=150000-"
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_server_that_ignores_ranges_sends_all_from_the_start(
    server: Server, tmp_path: Path
) -> None:
    server.behaviours = ["cut", "ignores range"]
    fetch(server, tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    (tmp_path / "longer.part").write_bytes(CONTENT + b"of another file")
    fetch(server, tmp_path / "longer", attempts=1)
    assert (tmp_path / "longer").read_bytes() == CONTENT


@pytest.mark.parametrize("part", [CONTENT, CONTENT + b"more", b"x" * len(CONTENT), b"x" * 10])
def test_whatever_lies_in_the_part_the_file_comes_out_right(
    server: Server, tmp_path: Path, part: bytes
) -> None:
    (tmp_path / "file.bin.part").write_bytes(part)
    fetch(server, tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    if part == CONTENT:  # complete, only the renaming was missing: nothing is sent again
        assert server.ranges == [f"bytes={len(CONTENT)}-"]


@pytest.mark.parametrize("behaviour", ["wrong byte", "html", "disguised html", "busy"])
def test_one_bad_answer_is_overcome(server: Server, tmp_path: Path, behaviour: str) -> None:
    server.behaviours = [behaviour, "good"]
    fetch(server, tmp_path / "file.bin")
    assert server.ranges == [None, None]  # nothing of the bad answer was kept
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("behaviour", "requests", "named"),
    [
        ("wrong byte", 3, f"wrong sha256: expected {SHA256}, found [0-9a-f]{{64}}"),
        ("disguised html", 3, "wrong sha256"),
        ("html", 3, "web page"),
        ("busy", 3, "503"),
        ("gone", 1, "404"),
    ],
)
def test_a_bad_server_ends_in_one_clear_error(
    server: Server, tmp_path: Path, behaviour: str, requests: int, named: str
) -> None:
    server.behaviours = [behaviour]
    with pytest.raises(UserError, match=named) as raised:
        fetch(server, tmp_path / "file.bin", attempts=3)
    assert server.address in str(raised.value)
    assert "data.source: parquet" in str(raised.value)
    assert raised.value.__cause__ is None
    assert len(server.ranges) == requests
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_no_server_at_all(server: Server, tmp_path: Path) -> None:
    url = "http://user:secret@127.0.0.1:9/file.bin?token=secret"  # the discard port: nobody there
    with pytest.raises(
        UserError, match="127.0.0.1:9/file.bin: not downloaded: the connection"
    ) as e:
        download(url, tmp_path / "file.bin", attempts=2, wait=lambda seconds: None)
    assert "secret" not in str(e.value)


def test_either_sum_is_checked(server: Server, tmp_path: Path) -> None:
    for sums in ({"sha256": "0" * 64}, {"md5": "0" * 32}):
        with pytest.raises(UserError, match=f"wrong {next(iter(sums))}: expected 000"):
            fetch(server, tmp_path / "file.bin", attempts=2, **sums)
        assert names(tmp_path) == []


def test_without_sums_the_size_is_still_checked(server: Server, tmp_path: Path) -> None:
    server.behaviours = ["cut"]
    with pytest.raises(UserError, match="not downloaded"):
        fetch(server, tmp_path / "file.bin", sha256=None, md5=None, attempts=1)
    assert not (tmp_path / "file.bin").exists()


# --- the official archive ---


def test_official_archive(tmp_path: Path) -> None:
    extra = f"{official.FOLDER}/batches.meta"
    path = archive(tmp_path / "a.tar.gz", BATCHES, (member(extra, size=9), b"not read!"))
    (pixels, labels), (test_pixels, test_labels) = read(path)
    expected = [batch(seed) for seed in range(6)]
    assert pixels.shape == (5 * IMAGES, 3, 32, 32)
    for number in range(5):
        part = slice(number * IMAGES, (number + 1) * IMAGES)
        assert np.array_equal(pixels[part].reshape(IMAGES, -1), expected[number][b"data"])
        assert labels[part].tolist() == expected[number][b"labels"]
    assert np.array_equal(test_pixels.reshape(IMAGES, -1), expected[5][b"data"])
    assert test_labels.tolist() == expected[5][b"labels"]


def test_official_batches_may_name_the_modules_of_either_numpy(tmp_path: Path) -> None:
    old = {
        name: content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
        for name, content in BATCHES.items()
    }
    assert all(old[name] != BATCHES[name] for name in BATCHES)
    assert np.array_equal(
        read(archive(tmp_path / "o", old))[0][0], read(archive(tmp_path / "n"))[0][0]
    )


def test_official_batches_as_python_2_pickled_them(tmp_path: Path) -> None:
    """Byte strings as the opcodes of Python 2, which the real archive has."""
    data = np.random.default_rng(0).integers(0, 256, (1, 3072), dtype=np.uint8).tobytes()
    content = (
        b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03"
        b"cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87Rq\x05(K\x01K\x01M\x00\x0c\x86"
        b"cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89T\x00\x0c\x00\x00" + data + b"tbU\x06labelsq\x08]q\tK\x06au."
    )
    path = archive(tmp_path / "a.tar.gz", dict.fromkeys(BATCHES, content))
    (pixels, labels), _ = official.read_archive(path, images_per_batch=1)
    assert pixels[0].tobytes() == data
    assert labels.tolist() == [6] * 5


def test_official_from_a_server(server: Server, tmp_path: Path) -> None:
    server.content = archive(tmp_path / "a.tar.gz").read_bytes()
    sums = {
        "sha256": hashlib.sha256(server.content).hexdigest(),
        "md5": hashlib.md5(server.content).hexdigest(),
    }
    folder = tmp_path / "data"
    official.prepare(folder, server.address, images_per_batch=IMAGES, **sums)
    described = (folder / "dataset.json").read_bytes()
    assert len(dataset.load(folder, "train")) == 5 * IMAGES
    assert dataset.describe(folder)["official_pixels"] is False  # not the published archive
    assert dataset.describe(folder)["files"][0]["sha256"] == sums["sha256"]
    server.behaviours, count = ["gone"], len(server.ranges)
    official.prepare(folder, server.address, images_per_batch=IMAGES, **sums)
    assert (folder / "dataset.json").read_bytes() == described
    assert len(server.ranges) == count


def test_official_parses_nothing_that_fails_its_sum(server: Server, tmp_path: Path) -> None:
    server.behaviours = ["gone"]
    archive(tmp_path / "cifar-10-python.tar.gz")  # well-formed, but not the published one
    with pytest.raises(UserError, match="404"):
        official.prepare(tmp_path, server.address, images_per_batch=IMAGES)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


HUGE = official.MEMBER_LIMIT + 1
WITHOUT_FIRST = {name: content for name, content in BATCHES.items() if name != FIRST}


@pytest.mark.parametrize(
    ("contents", "more", "named"),
    [
        (BATCHES, [(member("../x", size=1), b"x")], r"unknown member '\.\./x'"),
        (BATCHES, [(member("/tmp/x", size=1), b"x")], "unknown member '/tmp/x'"),
        (BATCHES, [(member(f"{official.FOLDER}/../../x", size=1), b"x")], "unknown member"),
        (BATCHES, [(member(FIRST, size=1), b"x")], "data_batch_1' is there twice"),
        (
            WITHOUT_FIRST,
            [(member(FIRST, type=tarfile.SYMTYPE, linkname="/etc/passwd"), b"")],
            "not a regular file",
        ),
        (
            WITHOUT_FIRST,
            [(member(FIRST, type=tarfile.LNKTYPE, linkname=official.TEST), b"")],
            "not a regular file",
        ),
        (WITHOUT_FIRST, [(member(FIRST, type=tarfile.CHRTYPE), b"")], "not a regular file"),
        (WITHOUT_FIRST, [(member(FIRST, size=HUGE), bytes(HUGE))], f"has {HUGE} bytes"),
        (WITHOUT_FIRST, [], "lacks the members .*data_batch_1"),
    ],
    ids=lambda value: None if isinstance(value, dict | list) else value,
)
def test_hostile_archives(
    tmp_path: Path,
    contents: dict[str, bytes],
    more: list[tuple[tarfile.TarInfo, bytes]],
    named: str,
) -> None:
    path = archive(tmp_path / "a.tar.gz", contents, *more)
    with pytest.raises(UserError, match=named):
        read(path)
    assert [entry.name for entry in tmp_path.rglob("*")] == ["a.tar.gz"]


def test_archive_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(official, "ARCHIVE_LIMIT", 1_000_000)
    path = tmp_path / "a.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(bytes(2_000_000))
    with pytest.raises(UserError, match="larger than 1000000 bytes"):
        read(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"<!DOCTYPE html>",
        lambda content: content[: len(content) // 2],
        lambda content: content[:1000] + b"\x00" * 100 + content[1100:],
        lambda content: gzip.compress(b"not a tar archive" * 100),
        lambda content: b"",
    ],
    ids=["html", "half", "hole", "not-tar", "empty"],
)
def test_broken_archives(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = archive(tmp_path / "a.tar.gz")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=r"a\.tar\.gz"):
        read(path)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_malicious_pickle_is_not_run(tmp_path: Path, protocol: int) -> None:
    target = tmp_path / "touched"
    content = pickle.dumps({b"data": Malicious(target), b"labels": []}, protocol)
    with pytest.raises(UserError, match="data_batch_1: .* is not allowed"):
        read(archive(tmp_path / "a.tar.gz", {**BATCHES, FIRST: content}))
    assert not target.exists()
    pickle.loads(content)
    assert target.exists()  # it would have worked


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ([1, 2], "must be a dictionary"),
        ({b"data": batch(0)[b"data"]}, "must be a dictionary with"),
        ({**batch(0), b"data": batch(0)[b"data"].astype(np.float32)}, "data must be uint8"),
        ({**batch(0), b"data": [1, 2, 3]}, "data must be uint8"),
        (batch(0, images=19), r"data must be uint8 \(20, 3072\), not uint8 \(19, 3072\)"),
        ({**batch(0), b"labels": [10] * IMAGES}, "labels must be a list of 20 integers"),
        ({**batch(0), b"labels": [1.5] * IMAGES}, "labels must be a list of 20 integers"),
        ({**batch(0), b"labels": [1]}, "labels must be a list of 20 integers"),
    ],
)
def test_wrong_batches(tmp_path: Path, wrong: Any, named: str) -> None:
    path = archive(tmp_path / "a.tar.gz", {**BATCHES, FIRST: pickle.dumps(wrong, protocol=2)})
    with pytest.raises(UserError, match=f"data_batch_1: {named}"):
        read(path)


# --- parquet ---


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_parquet_folder(tmp_path: Path, kind: str) -> None:
    images = [encode(tile) for tile in TILES]
    images[-1] = encode(TILES[-1], kind)  # one lossy image makes the dataset a re-encoded one
    source = parquet_folder(tmp_path / "mirror", table(images))
    prepare(Source(source="parquet", path=str(source)), tmp_path / "data")
    train = dataset.load(tmp_path / "data", "train")
    assert np.array_equal(train.pixels[:-1].numpy(), TILES[:-1].transpose(0, 3, 1, 2))
    assert np.array_equal(train.pixels[-1].numpy(), TILES[-1].transpose(2, 0, 1)) == (kind == "PNG")
    assert train.labels.tolist() == LABELS
    described = dataset.describe(tmp_path / "data")
    assert described["official_pixels"] is (None if kind == "PNG" else False)
    assert ("re-encoded" in described["name"]) == (kind == "JPEG")
    file = source / "train-00000-of-00001.parquet"
    assert described["files"][0] == {
        "name": file.name,
        "bytes": file.stat().st_size,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }
    assert str(tmp_path) not in (tmp_path / "data" / "dataset.json").read_text()


def test_parquet_shards_are_read_in_order_and_a_missing_one_is_noticed(tmp_path: Path) -> None:
    images = [encode(tile) for tile in TILES]
    source = parquet_folder(tmp_path / "mirror", table(images))
    (source / "train-00000-of-00001.parquet").unlink()
    pq.write_table(table(images[12:], LABELS[12:]), source / "train-00001-of-00002.parquet")
    with pytest.raises(UserError, match="not all files"):
        parquet.prepare(tmp_path / "data", str(source))
    pq.write_table(table(images[:12], LABELS[:12]), source / "train-00000-of-00002.parquet")
    parquet.prepare(tmp_path / "data", str(source))
    pixels = dataset.load(tmp_path / "data", "train").pixels
    assert np.array_equal(pixels.numpy(), TILES.transpose(0, 3, 1, 2))


def with_row(row: int, image: bytes | None) -> pa.Table:
    return table([*GOOD[:row], image, *GOOD[row + 1 :]])


@pytest.mark.parametrize(
    ("train", "named"),
    [
        (table(GOOD).rename_columns(["image", "label"]), "train-.*: needs img: struct"),
        (table(GOOD).rename_columns(["img", "fine_label"]), "train-.*: needs label: int64"),
        (table(GOOD).drop_columns(["label"]), "train-.*: needs label: int64"),
        (pa.table({"img": GOOD, "label": LABELS}), "train-.*: needs img: struct"),
        (
            table(GOOD).set_column(1, "label", pa.array([0.5] * IMAGES)),
            "train-.*: needs label: int64",
        ),
        (table(GOOD, [None, *LABELS[1:]]), "train-.*: 1 labels are null"),
        (table(GOOD, [11, *LABELS[1:]]), "train labels: range"),
        (with_row(9, GOOD[9][:200]), "train-.*: row 9: not readable as an image"),
        (with_row(9, encode(TILES[9], "JPEG")[:400]), "train-.*: row 9: not readable as an image"),
        (with_row(9, b"<!DOCTYPE html>"), "train-.*: row 9: not readable as an image"),
        (with_row(9, encode(TILES[9], "BMP")), "train-.*: row 9: not readable as an image"),
        (with_row(9, b""), "train-.*: row 9: not readable as an image"),
        (with_row(9, None), "train-.*: row 9: no image"),
        (with_row(9, encode(TILES[9, :31])), "train-.*: row 9: must be 32x32 .* not 32x31"),
        (with_row(9, encode(TILES[9], "PNG", "I;16")), "train-.*: row 9: must be .* not .* I;16"),
        (with_row(9, GOOD[9] + bytes(100_000)), "train-.*: row 9: .* bytes, at most 100000"),
    ],
)
def test_wrong_parquet(tmp_path: Path, train: pa.Table, named: str) -> None:
    source = parquet_folder(tmp_path / "mirror", train)
    with pytest.raises(UserError, match=named):
        parquet.prepare(tmp_path / "data", str(source))
    assert not (tmp_path / "data").exists()


def test_parquet_without_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.path: no such folder"):
        parquet.prepare(tmp_path / "data", str(tmp_path / "nothing"))
    with pytest.raises(UserError, match=r"data\.path: no train-\*\.parquet"):
        parquet.prepare(tmp_path / "data", str(tmp_path))
    source = parquet_folder(tmp_path / "mirror", table(GOOD))
    (source / "test-00000-of-00001.parquet").write_bytes(b"PAR1, or so it says")
    with pytest.raises(UserError, match="test-.*: not readable as parquet"):
        parquet.prepare(tmp_path / "data", str(source))


def test_parquet_from_an_address(server: Server, tmp_path: Path) -> None:
    source = parquet_folder(tmp_path / "mirror", table(GOOD))
    server.content = (source / "test-00000-of-00001.parquet").read_bytes()  # for both parts
    address = server.address.removesuffix("/file.bin")
    parquet.prepare(tmp_path / "data", address + "/plain_text/")
    first = (tmp_path / "data" / "dataset.json").read_bytes()
    assert dataset.describe(tmp_path / "data")["origin"] == address + "/plain_text"
    server.behaviours = ["gone"]
    parquet.prepare(tmp_path / "data", address + "/plain_text/")
    assert (tmp_path / "data" / "dataset.json").read_bytes() == first


def test_an_address_that_sends_something_else(server: Server, tmp_path: Path) -> None:
    server.behaviours = ["disguised html"]
    with pytest.raises(UserError, match="not a parquet file"):
        parquet.prepare(tmp_path, server.address.removesuffix("/file.bin"))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


# --- the real images, where they are at hand ---

MIRROR = Path(
    os.environ.get("LANDSCAPE_CIFAR10") or ROOT.parent / "shared" / "data" / "cifar10-jpeg75"
)


@pytest.mark.skipif(not MIRROR.is_dir(), reason="no CIFAR-10 in parquet files at hand")
def test_real_rows(tmp_path: Path) -> None:
    source = tmp_path / "slice"
    source.mkdir()
    tables = {}
    for part in dataset.PARTS:
        path = next(MIRROR.glob(f"{part}-*.parquet"))
        with pq.ParquetFile(path) as file:
            tables[part] = next(file.iter_batches(300))
        pq.write_table(pa.Table.from_batches([tables[part]]), source / path.name)
    parquet.prepare(tmp_path / "data", str(source))
    train = dataset.load(tmp_path / "data", "train")
    # The official order begins with a frog, two trucks, a deer and an automobile; the test images
    # with a cat, two ships, an airplane and a frog.
    assert [dataset.CLASS_NAMES[label] for label in train.labels[:5]] == [
        *("frog", "truck", "truck", "deer", "automobile")
    ]
    assert dataset.load(tmp_path / "data", "test").labels[:5].tolist() == [3, 8, 8, 0, 6]
    content = tables["train"]["img"].field("bytes")[299].as_py()
    with Image.open(io.BytesIO(content)) as image:
        expected = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    assert np.array_equal(train.pixels[299].numpy(), expected)


# --- the demo set ---


@pytest.fixture(scope="module")
def demo_folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folders = [tmp_path_factory.mktemp("demo") for _ in range(2)]
    for number, folder in enumerate(folders):
        torch.manual_seed(number)
        np.random.seed(number)
        prepare(Source(source="demo"), folder)
    return folders


def test_demo_is_always_the_same(demo_folders: list[Path]) -> None:
    first, second = demo_folders
    for name in ("train.safetensors", "test.safetensors", "dataset.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert names(first) == ["dataset.json", "test.safetensors", "train.safetensors"]


def test_demo_contents(demo_folders: list[Path]) -> None:
    described = dataset.describe(demo_folders[0])
    assert described["class_names"] == list(demo.CLASS_NAMES)
    assert described["train_images_per_class"] == [demo.TRAIN_IMAGES // 10] * 10
    train, test = (dataset.load(demo_folders[0], part) for part in ("train", "test"))
    flat = torch.cat([train.pixels, test.pixels]).flatten(1)
    assert len(torch.unique(flat, dim=0)) == len(flat)  # no test image is a training image


def test_demo_classes_are_not_told_by_colour(demo_folders: list[Path]) -> None:
    """A class's mean colour and contrast say little: nearest centroids stay close to chance."""
    train, test = (dataset.load(demo_folders[0], part) for part in ("train", "test"))

    def colours(images: dataset.Images) -> torch.Tensor:
        return images.pixels.float().mean((2, 3))

    centroids = torch.stack([colours(train)[train.labels == label].mean(0) for label in range(10)])
    nearest = torch.cdist(colours(test), centroids).argmin(1)
    assert (nearest == test.labels).float().mean() < 0.2
