"""The prepared data of a finished study: kept, replaced as a whole, and compared by content."""

import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from landscape.data import dataset
from landscape.data.sources import demo
from support.sources import encode, labelled, table
from support.workflow import configure, edit, snakemake, stale

TRAINED = ("bands", "probe")


@pytest.fixture
def copy(project):
    """The demo images as somebody might have them: parquet files that name their classes."""
    folder = project / "copy of the data"
    folder.mkdir()
    for part in ("train", "test"):
        images = dataset.load(project / "results" / "data", part)
        tiles = images.pixels.permute(0, 2, 3, 1).numpy()
        rows = table([encode(tile) for tile in tiles], images.labels.tolist())
        pq.write_table(labelled(rows, list(demo.CLASS_NAMES)), folder / f"{part}.parquet")
    return folder


def taken_from(path):
    return {"data": {"source": "parquet", "path": str(path)}}


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def trained(project):
    return {path: path.stat().st_mtime_ns for path in project.glob("results/*/**/run.json")}


def test_a_typo_is_refused_before_anything_is_touched_or_planned(project):
    before = content(project / "results" / "data")
    for arguments in (["--dry-run"], []):
        configure(project, **taken_from("dta/cifar10"))
        refused = snakemake(project, *arguments, check=False)
        assert refused.returncode != 0
        assert "data.path: no such file or folder" in refused.stdout
        assert "bands/vgg_a" not in refused.stdout
    assert content(project / "results" / "data") == before
    configure(project)
    assert stale(project) == {}


@pytest.mark.slow
def test_the_same_images_from_elsewhere_train_nothing_again(project, copy):
    before, runs = content(project / "results" / "data"), trained(project)
    configure(project, **taken_from(copy))
    edit(project / "workflow/landscape/data/sources/rows.py", "\n\n\ndef ", "\n\nX = 1\n\n\ndef ")
    snakemake(project, *TRAINED)
    log = (project / "results/logs/dataset.log").read_text("utf-8")
    assert "taken as: Hugging Face's parquet files, 2 files" in log
    after = content(project / "results" / "data")
    assert after["SHA256SUMS"] == before["SHA256SUMS"]
    assert after["dataset.json"] != before["dataset.json"]
    assert trained(project) == runs
    assert stale(project, *TRAINED) == {}
    shutil.rmtree(copy)  # as a disk that is not there any more
    assert stale(project, *TRAINED) == {}


def test_other_images_train_again_and_what_cannot_be_read_changes_nothing(project, copy):
    before, runs = content(project / "results" / "data"), trained(project)
    train = copy / "train.parquet"
    whole = train.read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 255
    train.write_bytes(bytes(damaged))
    configure(project, **taken_from(copy))
    failed = snakemake(project, "bands", check=False)
    assert failed.returncode != 0
    assert f"error: {train}: " in failed.stdout
    kept = content(project / "results" / "data")
    assert kept == {name: before[name] for name in before if name != "SHA256SUMS"}
    assert trained(project) == runs
    images = dataset.load(project / "results" / "data", "train")
    tiles = images.pixels.permute(0, 2, 3, 1).numpy().copy()
    tiles[0] = np.roll(tiles[0], 1)
    rows = table([encode(tile) for tile in tiles], images.labels.tolist())
    pq.write_table(labelled(rows, list(demo.CLASS_NAMES)), train)
    jobs = stale(project, *TRAINED)
    assert jobs["dataset"] == 1
    snakemake(project, "results/data/SHA256SUMS")
    assert content(project / "results" / "data")["SHA256SUMS"] != before["SHA256SUMS"]
    jobs = stale(project, *TRAINED)
    assert (jobs["train"], jobs["train_probe"]) == (4, 2)
