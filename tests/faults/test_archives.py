"""Data that is damaged, hostile or wrong: refused by the property, nothing outside is touched.

Each source's refusals, one by one, are in tests/unit/data; here is
one test for each fault, and what would happen without the protection.
"""

import io
import tarfile

import numpy as np
import pytest

from landscape.data import dataset, preparation
from landscape.data.cifar10 import CLASS_NAMES
from landscape.data.sources import archive as archives
from landscape.data.sources import batches
from landscape.data.sources import download as downloads
from landscape.data.sources.archive import read
from landscape.errors import UserError
from support.sources import (
    BATCHES,
    CONTENT,
    FIRST,
    Malicious,
    archive,
    fetch,
    member,
    names,
)


@pytest.mark.parametrize("behaviour", ["wrong byte", "disguised html", "html", "cut"])
def test_f16_a_wrong_file_is_removed_tried_again_and_then_refused(
    behaviour,
    server,  # noqa: F811
    tmp_path,
):
    server.behaviours = [behaviour]
    # Each attempt that is cut resumes from the one before, so that it never ends as a whole.
    with pytest.raises(UserError, match="not downloaded"):
        fetch(server, tmp_path / "file.bin", attempts=3)
    assert len(server.ranges) == 3
    assert not (tmp_path / "file.bin").exists()
    server.behaviours = ["good"]
    fetch(server, tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_f16_control_without_the_sums_the_wrong_byte_is_kept(
    server,  # noqa: F811
    tmp_path,
    monkeypatch,
):
    server.behaviours = ["wrong byte"]
    monkeypatch.setattr(downloads, "_difference", lambda *_: None)
    fetch(server, tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() != CONTENT


INSIDE = f"{batches.FOLDER}/{FIRST}"
HOSTILE = {
    "a way out": (member("../outside", size=1), b"x"),
    "an absolute path": (member("/tmp/outside", size=1), b"x"),
    "a symlink": (
        member(f"{INSIDE}x", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        b"",
    ),
    "a hard link": (
        member(f"{INSIDE}x", type=tarfile.LNKTYPE, linkname="../outside"),
        b"",
    ),
    "a device": (member(f"{INSIDE}x", type=tarfile.CHRTYPE), b""),
    "a member twice": (member(INSIDE, size=1), b"x"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_f17_a_hostile_archive_is_refused_and_nothing_is_written(kind, tmp_path):
    (tmp_path / "data").mkdir()
    path = archive(tmp_path / "data" / "a.tar.gz", BATCHES, HOSTILE[kind])
    with pytest.raises(UserError, match=r"a\.tar\.gz: (unknown member|member .* occurs twice)"):
        read(path)
    assert names(tmp_path) == ["data"]
    assert names(tmp_path / "data") == ["a.tar.gz"]


def test_f17_control_extracted_as_it_says_it_writes_outside(tmp_path):
    (tmp_path / "data").mkdir()
    path = archive(tmp_path / "data" / "a.tar.gz", BATCHES, HOSTILE["a way out"])
    with tarfile.open(path) as file:
        file.extractall(tmp_path / "data", filter="fully_trusted")
    assert (tmp_path / "outside").read_bytes() == b"x"


def test_f17_a_planted_pickle_in_the_archive_is_not_executed(tmp_path):
    import pickle

    target = tmp_path / "executed"
    content = pickle.dumps({b"data": Malicious(target), b"labels": []}, 2)
    with pytest.raises(UserError, match="not allowed"):
        read(archive(tmp_path / "a.tar.gz", {**BATCHES, FIRST: content}))
    assert not target.exists()
    pickle.loads(content)
    assert target.exists()  # the control: it would have worked


def arrays():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 3, 32, 32), dtype=np.uint8)
    return pixels, np.arange(20) % 10


PROVENANCE = {
    "source": "demo",
    "name": "test",
    "origin": None,
    "official_pixels": None,
    "files": [],
    "class_names": list(CLASS_NAMES),
}
WRONG = {
    "dtype is float32": lambda x, y: (x.astype(np.float32), y),
    "dtype is float64, must be int64": lambda x, y: (x, np.where(y == 3, np.nan, y)),
    "shape is": lambda x, y: (x[:, :1], y),
    "length differs": lambda x, y: (x, y[:-1]),
    "range is 0..9": lambda x, y: (x, y + 1),
    "every class must be present": lambda x, y: (x, np.minimum(y, 8)),
}


@pytest.mark.parametrize("said", WRONG)
def test_f18_wrong_images_or_labels_are_refused_by_the_property(said, tmp_path):
    with pytest.raises(UserError, match=said):
        preparation.write(tmp_path, WRONG[said](*arrays()), arrays(), PROVENANCE)
    assert not list(tmp_path.iterdir())


def test_f18_control_unverified_the_wrong_labels_are_written(tmp_path, monkeypatch):
    for module in (preparation, dataset):
        monkeypatch.setattr(module, "verify", lambda *_: None)
    preparation.write(tmp_path, WRONG["range is 0..9"](*arrays()), arrays(), PROVENANCE)
    assert dataset.load(tmp_path, "train").labels.max() == 10


def test_f18_a_bomb_is_not_unpacked(tmp_path):
    """Ten gigabytes of zeros are a file of ten megabytes; no more than the limit is unpacked."""
    bomb = io.BytesIO()
    import gzip

    with gzip.GzipFile(fileobj=bomb, mode="wb", compresslevel=1) as file:
        for _ in range(30):
            file.write(bytes(10_000_000))
    path = tmp_path / "a.tar.gz"
    path.write_bytes(bomb.getvalue())
    assert archives.LIMIT < 300_000_000
    with pytest.raises(UserError, match="larger than"):
        read(path)
