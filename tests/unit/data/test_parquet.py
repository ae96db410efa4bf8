"""Parquet files: the images and labels they hold, and sets that are no set."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from landscape.config.study import Source
from landscape.data import dataset
from landscape.data.sources.registry import prepare
from landscape.errors import UserError
from support.sources import (
    GOOD,
    IMAGES,
    LABELS,
    NAMES,
    TEST_GOOD,
    TILES,
    Server,
    encode,
    hub_cache,
    keras_file,
    labelled,
    parquet_folder,
    python_archive,
    table,
)


def prepared(source: Path, folder: Path) -> dataset.Images:
    prepare(Source(path=str(source)), folder)
    return dataset.load(folder, "train")


@pytest.mark.parametrize(
    ("kind", "options", "lossy"),
    [
        ("PNG", {}, False),
        ("JPEG", {}, True),
        ("WEBP", {"lossless": True}, False),
        ("WEBP", {"quality": 90}, True),
        ("WEBP", {"lossless": True, "exif": b"Exif"}, False),  # in an extended container
        ("WEBP", {"quality": 90, "exif": b"Exif"}, True),
    ],
)
def test_parquet_folder(tmp_path: Path, kind: str, options: dict, lossy: bool) -> None:
    images = [encode(tile) for tile in TILES]
    images[-1] = encode(TILES[-1], kind, **options)  # one lossy image makes the set re-encoded
    source = parquet_folder(tmp_path / "mirror", table(images))
    train = prepared(source, tmp_path / "data")
    assert np.array_equal(train.pixels[:-1].numpy(), TILES[:-1].transpose(0, 3, 1, 2))
    assert np.array_equal(train.pixels[-1].numpy(), TILES[-1].transpose(2, 0, 1)) == (not lossy)
    assert train.labels.tolist() == LABELS
    described = dataset.describe(tmp_path / "data")
    assert described["official_pixels"] is (False if lossy else None)
    assert ("re-encoded" in described["name"]) == lossy
    assert "mirror" in described["name"]
    file = source / "train-00000-of-00001.parquet"
    assert described["files"][0] == {
        "name": file.name,
        "bytes": file.stat().st_size,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }
    assert str(tmp_path) not in (tmp_path / "data" / "dataset.json").read_text()


def write_shard(folder: Path, name: str, rows: slice) -> None:
    pq.write_table(table(GOOD[rows], LABELS[rows]), folder / name)


FIRST_HALF, SECOND_HALF = slice(0, 12), slice(12, IMAGES)


def test_shards_are_read_in_order_and_a_missing_one_is_noticed(tmp_path: Path) -> None:
    source = parquet_folder(tmp_path / "mirror", table(GOOD))
    (source / "train-00000-of-00001.parquet").unlink()
    write_shard(source, "train-00001-of-00002.parquet", SECOND_HALF)
    with pytest.raises(UserError, match="train-00001.*not all files .*number 0 of 2 is missing"):
        prepare(Source(path=str(source)), tmp_path / "data")
    write_shard(source, "train-00000-of-00002.parquet", FIRST_HALF)
    pixels = prepared(source, tmp_path / "data").pixels
    assert np.array_equal(pixels.numpy(), TILES.transpose(0, 3, 1, 2))


def without_a_hashed_shard(source: Path) -> None:
    (source / "train-00000-of-00001.parquet").unlink()
    write_shard(source, "train-00000-of-00002-0123456789abcdef.parquet", FIRST_HALF)


def with_a_shard_twice(source: Path) -> None:
    (source / "train-00000-of-00001.parquet").unlink()
    write_shard(source, "train-00000-of-00002-0123456789abcdef.parquet", FIRST_HALF)
    write_shard(source, "train-00000-of-00002-fedcba9876543210.parquet", FIRST_HALF)
    write_shard(source, "train-00001-of-00002-0123456789abcdef.parquet", SECOND_HALF)


def with_an_extra_file(source: Path) -> None:
    write_shard(source, "train-extra.parquet", FIRST_HALF)


def with_a_foreign_file(source: Path) -> None:
    write_shard(source, "extra.parquet", FIRST_HALF)


def with_another_division(source: Path) -> None:
    write_shard(source, "train-00000-of-00002.parquet", FIRST_HALF)
    write_shard(source, "train-00001-of-00002.parquet", SECOND_HALF)


def with_a_copy_in_a_folder(source: Path) -> None:
    parquet_folder(source / "plain_text", table(GOOD))


def with_a_dangling_link(source: Path) -> None:
    (source / "train-00000-of-00001.parquet").unlink()
    (source / "train-00000-of-00001.parquet").symlink_to("../blobs/gone")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (without_a_hashed_shard, "train-00000-of-00002-0123.*number 1 of 2 is missing"),
        (with_a_shard_twice, "train-00000-of-00002-fedc.*more files than one dataset has"),
        (with_an_extra_file, "train-extra.parquet.*not all files of one dataset"),
        (with_a_foreign_file, "extra.parquet: is not one of"),
        (with_another_division, "train-00000-of-00002.*not all files of one dataset"),
        (with_a_copy_in_a_folder, r"several copies, in \., plain_text; name one"),
        (with_a_dangling_link, "a link to a file that is not there"),
    ],
)
def test_parts_and_too_much_are_refused_by_name(
    tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    source = parquet_folder(tmp_path / "mirror", table(GOOD))
    spoil(source)
    with pytest.raises(UserError, match=said):
        prepare(Source(path=str(source)), tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_two_snapshots_are_one_where_the_cache_says_which(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    cache = hub_cache(tmp_path / "cache")
    right = prepared(cache, tmp_path / "data").pixels
    older = parquet_folder(cache / "snapshots" / ("f" * 40) / "plain_text", table(GOOD))
    assert np.array_equal(prepared(cache, tmp_path / "data").pixels, right)
    prepare(Source(path=str(older.parent)), tmp_path / "older")
    (cache / "refs" / "main").unlink()
    with pytest.raises(UserError, match="several copies"):
        prepare(Source(path=str(cache)), tmp_path / "data")


def test_the_same_rows_twice_are_refused(tmp_path: Path) -> None:
    twice = parquet_folder(tmp_path / "twice", table([*GOOD, *GOOD], [*LABELS, *LABELS]))
    with pytest.raises(UserError, match="20 of 40 of the training images .* more than once"):
        prepare(Source(path=str(twice)), tmp_path / "data")
    leaked = parquet_folder(tmp_path / "leaked", table(GOOD), table(GOOD))
    with pytest.raises(UserError, match="20 of 20 of the test images are among the training"):
        prepare(Source(path=str(leaked)), tmp_path / "data")


# --- columns and names ---


ROTATED = [*NAMES[3:], *NAMES[:3]]


@pytest.mark.parametrize(
    "rows",
    [
        table(GOOD).rename_columns(["image", "label"]),
        table(GOOD).set_column(1, "label", pa.array(LABELS, pa.int32())),
        table(GOOD).set_column(1, "label", pa.array(LABELS, pa.int8())),
        table(GOOD).set_column(1, "label", pa.array([NAMES[i] for i in LABELS])),
        table(GOOD).set_column(
            1, "label", pa.array([NAMES[i] for i in LABELS]).dictionary_encode()
        ),
        table(GOOD).set_column(1, "label", pa.array(LABELS).dictionary_encode()),
        labelled(table(GOOD), NAMES),
        labelled(table(GOOD, [ROTATED.index(NAMES[i]) for i in LABELS]), ROTATED),
    ],
    ids=["image", "int32", "int8", "text", "dictionary", "numbers", "names", "rotated"],
)
def test_columns_as_people_have_them(tmp_path: Path, rows: pa.Table) -> None:
    train = prepared(parquet_folder(tmp_path / "mirror", rows), tmp_path / "data")
    assert train.labels.tolist() == LABELS
    assert np.array_equal(train.pixels.numpy(), TILES.transpose(0, 3, 1, 2))
    assert dataset.describe(tmp_path / "data")["class_names"] == NAMES


def test_other_classes_keep_their_own_names(tmp_path: Path) -> None:
    shapes = [f"shape {number}" for number in range(10)]
    rows = labelled(table(GOOD), shapes), labelled(table(TEST_GOOD), shapes)
    prepared(parquet_folder(tmp_path / "mirror", *rows), tmp_path / "data")
    described = dataset.describe(tmp_path / "data")
    assert described["class_names"] == shapes
    assert "CIFAR-10" not in described["name"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (labelled(table(GOOD), [f"c{i}" for i in range(100)]), "100 classes, as CIFAR-100 has"),
        (labelled(table(GOOD), NAMES[:9]), "9 classes .*CIFAR-10 has 10"),
        (labelled(table(GOOD), ["cat"] * 10), "class names must differ"),
        (labelled(table(GOOD), [f"c{i}" for i in range(10)]), "classes are .*c0.*test images"),
        (table(GOOD, [99, *LABELS[1:]]), "labels up to 99, as CIFAR-100 has"),
        (table(GOOD).rename_columns(["img", "fine_label"]), "this is CIFAR-100"),
    ],
)
def test_other_sets_are_refused_by_name(tmp_path: Path, rows: pa.Table, said: str) -> None:
    source = parquet_folder(tmp_path / "mirror", rows)
    with pytest.raises(UserError, match=said):
        prepare(Source(path=str(source)), tmp_path / "data")


def with_row(row: int, image: bytes | None) -> pa.Table:
    return table([*GOOD[:row], image, *GOOD[row + 1 :]])


@pytest.mark.parametrize(
    ("train", "named"),
    [
        (table(GOOD).rename_columns(["picture", "label"]), "train-.*: needs img: struct"),
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
        prepare(Source(path=str(source)), tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_parquet_without_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.path: no such file or folder"):
        prepare(Source(path=str(tmp_path / "nothing")), tmp_path / "data")
    source = parquet_folder(tmp_path / "mirror", table(GOOD))
    (source / "test-00000-of-00001.parquet").write_bytes(b"PAR1, or so it says")
    with pytest.raises(UserError, match="test-.*: not readable as parquet"):
        prepare(Source(path=str(source)), tmp_path / "data")
    (source / "test-00000-of-00001.parquet").unlink()
    with pytest.raises(UserError, match=r"data\.path: no test-\*\.parquet"):
        prepare(Source(path=str(source)), tmp_path / "data")
    with pytest.raises(UserError, match="one of several files; name its folder"):
        prepare(Source(path=str(source / "train-00000-of-00001.parquet")), tmp_path / "data")


# --- from an address ---


def parquet_server(server: Server, tmp_path: Path) -> str:
    source = parquet_folder(tmp_path / "mirror", table(GOOD))
    server.files = {path.name: path.read_bytes() for path in source.iterdir()}
    return server.address.removesuffix("/file.bin")


@pytest.mark.parametrize("below", ["/plain_text/", ""])
def test_parquet_from_an_address(server: Server, tmp_path: Path, below: str) -> None:
    address = parquet_server(server, tmp_path) + below
    source = Source(source="parquet", path=address)
    prepare(source, tmp_path / "data")
    first = (tmp_path / "data" / "dataset.json").read_bytes()
    assert dataset.describe(tmp_path / "data")["origin"] == address
    assert np.array_equal(
        dataset.load(tmp_path / "data", "train").pixels, TILES.transpose(0, 3, 1, 2)
    )
    server.behaviours = ["gone"]
    prepare(source, tmp_path / "data")
    assert (tmp_path / "data" / "dataset.json").read_bytes() == first


def test_an_address_that_sends_something_else(server: Server, tmp_path: Path) -> None:
    server.behaviours = ["disguised html"]
    address = server.address.removesuffix("/file.bin")
    with pytest.raises(UserError, match="not a parquet file"):
        prepare(Source(path=address), tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_shards_at_an_address_are_hinted_at(server: Server, tmp_path: Path) -> None:
    server.behaviours = ["gone"]
    address = server.address.removesuffix("/file.bin")
    with pytest.raises(UserError, match="404.*several shards.*give data.path their folder"):
        prepare(Source(path=address), tmp_path)


@pytest.mark.parametrize("writer", [python_archive, keras_file])
def test_an_archive_or_arrays_from_an_address(
    server: Server, tmp_path: Path, writer: Callable[[Path], Path]
) -> None:
    file = writer(tmp_path)
    server.files = {file.name: file.read_bytes()}
    prepare(Source(path=server.address.replace("file.bin", file.name)), tmp_path / "data")
    assert dataset.describe(tmp_path / "data")["train_images"] == 5 * IMAGES
