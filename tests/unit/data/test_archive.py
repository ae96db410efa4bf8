"""The authors' archives: read in memory, hostile ones refused, nothing in them run."""

import gzip
import hashlib
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landscape.data.sources import archive as archives
from landscape.data.sources import batches, binary, official, pickles
from landscape.data.sources.archive import read
from landscape.errors import UserError
from support.sources import (
    BATCHES,
    FIRST,
    IMAGES,
    Malicious,
    Server,
    archive,
    batch,
    member,
    pickled,
)


def test_official_archive(tmp_path: Path) -> None:
    extra = f"{batches.FOLDER}/readme.html"
    path = archive(tmp_path / "a.tar.gz", BATCHES, (member(extra, size=9), b"not read!"))
    copy = read(path)
    expected = [batch(seed) for seed in range(6)]
    assert copy.train[0].shape == (5 * IMAGES, 3, 32, 32)
    for number in range(5):
        part = slice(number * IMAGES, (number + 1) * IMAGES)
        pixels, labels = (array[part] for array in copy.train)
        assert np.array_equal(pixels.reshape(IMAGES, -1), expected[number][b"data"])
        assert labels.tolist() == expected[number][b"labels"]
    assert np.array_equal(copy.test[0].reshape(IMAGES, -1), expected[5][b"data"])
    assert copy.test[1].tolist() == expected[5][b"labels"]


def test_official_batches_may_name_the_modules_of_either_numpy(tmp_path: Path) -> None:
    new = {
        name: content.replace(b"numpy.core.multiarray", b"numpy._core.multiarray")
        for name, content in BATCHES.items()
    }
    assert all(new[name] != BATCHES[name] for name in BATCHES)
    assert np.array_equal(
        read(archive(tmp_path / "n", new)).train[0], read(archive(tmp_path / "o")).train[0]
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
    pixels, labels = read(path).train
    assert pixels[0].tobytes() == data
    assert labels.tolist() == [6] * 5


def test_official_from_a_server(server: Server, tmp_path: Path) -> None:
    server.content = archive(tmp_path / "a.tar.gz").read_bytes()
    sums = {
        "sha256": hashlib.sha256(server.content).hexdigest(),
        "md5": hashlib.md5(server.content).hexdigest(),
    }
    copy = official.fetch(tmp_path / "data", server.address, **sums).read()
    assert len(copy.train[1]) == 5 * IMAGES
    assert copy.official is None  # not the published batches
    server.behaviours, count = ["gone"], len(server.ranges)
    again = official.fetch(tmp_path / "data", server.address, **sums).read()
    assert np.array_equal(again.train[0], copy.train[0])
    assert len(server.ranges) == count


def test_official_parses_nothing_that_fails_its_sum(server: Server, tmp_path: Path) -> None:
    server.behaviours = ["gone"]
    path = archive(tmp_path / "cifar-10-python.tar.gz")  # well-formed, but not the published one
    content = path.read_bytes()
    with pytest.raises(UserError, match="404.*stays as it is: wrong sha256"):
        official.fetch(tmp_path, server.address)
    assert path.read_bytes() == content


def test_batches_are_official_by_the_published_checksums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sums = {
        name: hashlib.md5(content, usedforsecurity=False).hexdigest()
        for name, content in BATCHES.items()
    }
    monkeypatch.setattr(batches, "PUBLISHED", sums)
    assert read(archive(tmp_path / "a.tar.gz")).official is True
    changed = {**BATCHES, FIRST: pickled(batch(77))}
    assert read(archive(tmp_path / "b.tar.gz", changed)).official is None


HUGE = batches.LIMIT + 1
INSIDE = f"{batches.FOLDER}/{FIRST}"
WITHOUT_FIRST = {name: content for name, content in BATCHES.items() if name != FIRST}


@pytest.mark.parametrize(
    ("contents", "more", "named"),
    [
        (BATCHES, [(member("../x", size=1), b"x")], r"unknown member '\.\./x'"),
        (BATCHES, [(member("/tmp/x", size=1), b"x")], "unknown member '/tmp/x'"),
        (BATCHES, [(member(f"{batches.FOLDER}/../../x", size=1), b"x")], "unknown member"),
        (BATCHES, [(member(INSIDE, size=1), b"x")], "data_batch_1' occurs twice"),
        (
            WITHOUT_FIRST,
            [(member(INSIDE, type=tarfile.SYMTYPE, linkname="/etc/passwd"), b"")],
            "not a regular file",
        ),
        (
            WITHOUT_FIRST,
            [(member(INSIDE, type=tarfile.LNKTYPE, linkname=batches.TEST), b"")],
            "not a regular file",
        ),
        (WITHOUT_FIRST, [(member(INSIDE, type=tarfile.CHRTYPE), b"")], "not a regular file"),
        (WITHOUT_FIRST, [(member(INSIDE, size=HUGE), bytes(HUGE))], f"has {HUGE} bytes"),
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
    monkeypatch.setattr(archives, "LIMIT", 1_000_000)
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
    with pytest.raises(UserError, match="data_batch_1: .*is not allowed"):
        read(archive(tmp_path / "a.tar.gz", {**BATCHES, FIRST: content}))
    assert not target.exists()
    pickle.loads(content)
    assert target.exists()  # it would have worked


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ([1, 2], "not readable as a batch .must be a dictionary, not list"),
        ({b"data": batch(0)[b"data"]}, "must be a dictionary with"),
        ({**batch(0), b"data": batch(0)[b"data"].astype(np.float32)}, "data must be uint8"),
        ({**batch(0), b"data": [1, 2, 3]}, "data must be uint8"),
        ({**batch(0), b"data": batch(0, images=19)[b"data"]}, "labels must be a list of 19"),
        ({b"fine_labels": [1], b"data": 0}, "this is CIFAR-100"),
        ({**batch(0), b"labels": [10] * IMAGES}, "labels must be a list of 20 integers"),
        ({**batch(0), b"labels": [1.5] * IMAGES}, "labels must be a list of 20 integers"),
        ({**batch(0), b"labels": [1]}, "labels must be a list of 20 integers"),
    ],
)
def test_wrong_batches(tmp_path: Path, wrong: Any, named: str) -> None:
    path = archive(tmp_path / "a.tar.gz", {**BATCHES, FIRST: pickle.dumps(wrong, protocol=2)})
    with pytest.raises(UserError, match=f"data_batch_1: {named}"):
        read(path)


def test_a_pickle_s_indices_take_no_memory(tmp_path: Path) -> None:
    """A memo index of four bytes; the C unpickler would reserve as many places as it says."""
    content = b"\x80\x02}r\xff\xff\xff\x7f."
    with pytest.raises(UserError, match="must be a dictionary with data and labels"):
        read(archive(tmp_path / "a.tar.gz", {**BATCHES, FIRST: content}))


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_in_pickles_of_any_protocol(protocol: int, order: str) -> None:
    values = {
        "u1": np.asarray(np.arange(12, dtype=np.uint8).reshape(3, 4), order=order),
        "i8": np.arange(3, dtype=">i8"),
        "number": np.int64(-7),
    }
    found = pickles.read(pickle.dumps(values, protocol))
    assert found["u1"].dtype == np.uint8
    assert np.array_equal(found["u1"], values["u1"])
    assert found["i8"].tolist() == [0, 1, 2]
    assert found["number"] == -7


def test_objects_in_pickled_arrays_are_refused() -> None:
    content = pickle.dumps({"data": np.array([{}], dtype=object)}, 2)
    with pytest.raises(pickle.UnpicklingError, match="type 'O8' are not allowed"):
        pickles.read(content)


def test_binary_records_of_wrong_length_or_label(tmp_path: Path) -> None:
    good = {name: bytes(3073) for name in binary.FILES}
    for content, said in (
        (bytes(3072), "not a whole number"),
        (b"\x0a" + bytes(3072), "but 10 is"),
    ):
        path = archive(tmp_path / "b", {**good, "test_batch.bin": content}, folder=binary.FOLDER)
        with pytest.raises(UserError, match=f"test_batch.bin: .*{said}"):
            read(path)
