"""CIFAR-10 as people have it on disk: the same images out of every format, or a refusal."""

import io
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landscape.cli.main import main
from landscape.config.study import Source
from landscape.data import dataset
from landscape.data.sources import batches, binary, formats, official_pixels
from landscape.data.sources.registry import prepare
from landscape.errors import UserError
from support.real import REAL, slice_of
from support.sources import (
    ALL_LABELS,
    ALL_TILES,
    GOOD,
    IMAGES,
    NAMES,
    PARTS,
    WRITERS,
    Server,
    archive,
    binary_folder,
    class_folders,
    encode,
    hub_repository,
    kaggle_folder,
    keras_file,
    named_pictures,
    pickled,
    python_archive,
    python_batches,
    torchvision_folder,
    write_all,
)


def copied(path: Path, folder: Path) -> dict[str, dataset.Images]:
    prepare(Source(path=str(path)), folder)
    return {part: dataset.load(folder, part) for part in PARTS}  # type: ignore[arg-type]


def refused(path: Path) -> str:
    with pytest.raises(UserError) as raised:
        formats.recognize(path).read()
    return str(raised.value)


@pytest.fixture(scope="module")
def sums(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The checksums of the tensors that come out of torchvision's folder."""
    folder = tmp_path_factory.mktemp("torchvision")
    copied(torchvision_folder(folder), folder / "data")
    return (folder / "data" / "SHA256SUMS").read_text()


@pytest.mark.parametrize("kind", WRITERS)
def test_the_same_images_out_of_every_format(
    kind: str, sums: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "copy").mkdir()
    images = copied(WRITERS[kind](tmp_path / "copy"), tmp_path / "data")
    for part, rows in PARTS.items():
        assert np.array_equal(images[part].pixels, ALL_TILES[rows].transpose(0, 3, 1, 2))
        assert images[part].labels.tolist() == ALL_LABELS[rows].tolist()
    described = dataset.describe(tmp_path / "data")
    assert described["class_names"] == NAMES
    assert described["official_pixels"] is None
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith(f"taken as: {described['format']}, ")
    assert said[1:] == ["note: 100 training and 20 test images; CIFAR-10 has 50,000 and 10,000"]
    # What training depends on is the same for all of them.
    assert (tmp_path / "data" / "SHA256SUMS").read_text() == sums


def test_what_is_taken_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied(torchvision_folder(tmp_path), tmp_path / "data")
    assert capsys.readouterr().err.splitlines()[0] == (
        "taken as: torchvision's cifar-10-batches-py, 7 files"
    )


@pytest.mark.parametrize(
    ("writer", "inside"),
    [
        (torchvision_folder, batches.FOLDER),
        (binary_folder, binary.FOLDER),
        (python_archive, "cifar-10-python.tar.gz"),
        (keras_file, "cifar10.npz"),
        (hub_repository, "plain_text"),
    ],
)
def test_the_folder_around_it_and_it_itself(
    tmp_path: Path, writer: Callable[[Path], Path], inside: str
) -> None:
    (tmp_path / "copy").mkdir()
    writer(tmp_path / "copy")
    around = formats.recognize(tmp_path / "copy")
    itself = formats.recognize(tmp_path / "copy" / inside)
    assert (around.format, around.files) == (itself.format, itself.files)


def test_what_torchvision_leaves_is_read_once(tmp_path: Path) -> None:
    """The archive and the folder extracted from it."""
    torchvision_folder(tmp_path)
    python_archive(tmp_path)
    assert formats.recognize(tmp_path).format == batches.FORMAT


def test_torchvision_itself_reads_what_the_tests_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision.datasets import CIFAR10

    torchvision_folder(tmp_path)
    monkeypatch.setattr(CIFAR10, "_check_integrity", lambda self: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    theirs = CIFAR10(str(tmp_path), train=True)
    ours = copied(tmp_path, tmp_path / "data")["train"]
    assert np.array_equal(ours.pixels.permute(0, 2, 3, 1), theirs.data)
    assert ours.labels.tolist() == theirs.targets
    assert dataset.describe(tmp_path / "data")["class_names"] == theirs.classes


def test_the_published_checksums_are_torchvision_s() -> None:
    from torchvision.datasets import CIFAR10

    theirs = dict([*CIFAR10.train_list, *CIFAR10.test_list])
    assert theirs == batches.PUBLISHED


# --- names and orders ---


def test_class_names_in_another_order_are_followed(tmp_path: Path) -> None:
    names = [*NAMES[5:], *NAMES[:5]]
    contents = python_batches()
    for name in batches.BATCHES:
        content = pickle.loads(contents[name], encoding="bytes")
        content[b"labels"] = [names.index(NAMES[label]) for label in content[b"labels"]]
        contents[name] = pickled(content)
    contents[batches.META] = pickled({b"label_names": [name.encode() for name in names]})
    write_all(tmp_path / batches.FOLDER, contents)
    train = copied(tmp_path, tmp_path / "data")["train"]
    assert train.labels.tolist() == ALL_LABELS[PARTS["train"]].tolist()


def test_pictures_numbered_in_each_folder_are_in_the_order_of_their_classes(
    tmp_path: Path,
) -> None:
    for part in PARTS:
        for name in reversed(NAMES):
            for number in (10, 9):
                place = tmp_path / part / name / f"{number}.png"
                place.parent.mkdir(parents=True, exist_ok=True)
                level = NAMES.index(name) * 20 + number + 3 * (part == "test")
                place.write_bytes(encode(np.full((32, 32, 3), level, np.uint8)))
    images = copied(tmp_path, tmp_path / "data")["train"]
    assert images.labels.tolist() == sorted(list(range(10)) * 2)
    assert images.pixels[:4, 0, 0, 0].tolist() == [9, 10, 29, 30]


def test_hidden_files_of_other_systems_do_not_matter(tmp_path: Path) -> None:
    class_folders(tmp_path)
    for name in (".DS_Store", "Thumbs.db"):
        (tmp_path / "train" / "cat" / name).write_bytes(b"whatever")
    assert len(copied(tmp_path, tmp_path / "data")["train"]) == 5 * IMAGES


def test_many_pictures_are_summed_up_by_folder(tmp_path: Path) -> None:
    copied(class_folders(tmp_path), tmp_path / "data")
    files = dataset.describe(tmp_path / "data")["files"]
    assert len(files) == 20
    assert sum(entry["files"] for entry in files) == 120
    assert files[0].keys() == {"name", "files", "bytes", "sha256"}


# --- Kaggle ---


def test_kaggle_without_test_labels_says_what_can_be_done(tmp_path: Path) -> None:
    said = refused(kaggle_folder(tmp_path, test=False))
    assert "no test images with labels" in said
    assert "testLabels.csv" in said


def test_class_folders_without_test_images_say_what_can_be_done(tmp_path: Path) -> None:
    class_folders(tmp_path)
    shutil.rmtree(tmp_path / "test")
    assert "move them to test/CLASS/" in refused(tmp_path)


def test_kaggle_still_packed(tmp_path: Path) -> None:
    (tmp_path / "trainLabels.csv").write_text("id,label\n1,frog\n")
    (tmp_path / "train.7z").write_bytes(b"7z")
    assert "unpack it" in refused(tmp_path)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "must begin with id,label"),
        ("id,label\nx,cat\n", "a number and a class, not ['x', 'cat']"),
        ("id,label\n1\n", "a number and a class"),
        ("id,label\n1,cat\n1,cat\n", "several rows"),
        ("id,label\n1,cat\n777,cat\n", "pictures 777 are missing"),
        ("id,label\n1,cat\n", "not in trainLabels.csv"),
    ],
)
def test_kaggle_tables_that_do_not_fit(tmp_path: Path, table: str, said: str) -> None:
    kaggle_folder(tmp_path)
    (tmp_path / "trainLabels.csv").write_text(table)
    assert said in refused(tmp_path)


def test_kaggle_pictures_without_a_label_in_the_test_folder_are_not_read(tmp_path: Path) -> None:
    kaggle_folder(tmp_path)
    (tmp_path / "test" / "300000.png").write_bytes(GOOD[0])
    assert len(copied(tmp_path, tmp_path / "data")["test"]) == IMAGES


# --- part of it, too much, or something else ---


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: next(folder.rglob(name)).unlink()


def with_file(name: str, beside: str) -> Callable[[Path], None]:
    return lambda folder: shutil.copy(found := next(folder.rglob(beside)), found.with_name(name))


SPOILED = {
    "a batch missing": (torchvision_folder, without("data_batch_3"), "without data_batch_3"),
    "no test batch": (torchvision_folder, without("test_batch"), "without test_batch"),
    "a sixth batch": (
        torchvision_folder,
        with_file("data_batch_6", "data_batch_5"),
        "data_batch_6 must not be",
    ),
    "a binary batch missing": (binary_folder, without("data_batch_2.bin"), "without data_batch_2"),
    "a sixth binary batch": (
        binary_folder,
        with_file("data_batch_6.bin", "data_batch_5.bin"),
        "data_batch_6.bin must not be",
    ),
    "two archives": (
        python_archive,
        with_file("again.tar.gz", "cifar-10-python.tar.gz"),
        "several archives of CIFAR-10, again.tar.gz, cifar-10-python.tar.gz",
    ),
    "two files of arrays": (keras_file, with_file("b.npz", "cifar10.npz"), "b.npz, cifar10.npz"),
    "a stray among pictures": (
        class_folders,
        with_file("stray.png.txt", "0_*.png"),
        "not a picture with a class",
    ),
    "a class missing": (
        class_folders,
        lambda folder: shutil.rmtree(folder / "train" / "frog"),
        "9 classes",
    ),
    "a name without a class": (
        named_pictures,
        with_file("frog.png", "0_*.png"),
        "frog.png: not a picture with a class",
    ),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_parts_and_too_much_are_refused_by_name(kind: str, tmp_path: Path) -> None:
    writer, spoil, said = SPOILED[kind]
    writer(tmp_path)
    spoil(tmp_path)
    assert said in refused(tmp_path)


def test_batches_twice_are_noticed_by_their_images(tmp_path: Path) -> None:
    contents = python_batches()
    contents["data_batch_2"] = contents["data_batch_1"]
    write_all(tmp_path / batches.FOLDER, contents)
    with pytest.raises(UserError, match="20 of 100 of the training images .* more than once"):
        prepare(Source(path=str(tmp_path)), tmp_path / "data")
    assert not (tmp_path / "data").exists()


def cifar100_python(path: Path) -> Path:
    fine = {b"data": np.zeros((10, 3072), np.uint8), b"fine_labels": [0] * 10}
    contents = {name: pickled(fine) for name in ("train", "test", "meta")}
    write_all(path / "cifar-100-python", contents)
    return path


def cifar100_archive(path: Path) -> Path:
    return archive(path / "c.tar.gz", {"train": b"x", "test": b"x"}, folder="cifar-100-python")


def cifar100_keras(path: Path) -> Path:
    arrays = {}
    for part in PARTS:
        arrays[f"x_{part}"] = np.zeros((100, 32, 32, 3), np.uint8)
        arrays[f"y_{part}"] = np.arange(100)[:, None]
    np.savez(path / "cifar100.npz", **arrays)
    return path / "cifar100.npz"


def cifar100_folders(path: Path) -> Path:
    for part in PARTS:
        for number in range(100):
            place = path / part / f"class{number}"
            place.mkdir(parents=True)
            (place / "0.png").write_bytes(GOOD[0])
    return path


@pytest.mark.parametrize(
    "writer", [cifar100_python, cifar100_archive, cifar100_keras, cifar100_folders]
)
def test_cifar_100_is_refused_by_name(tmp_path: Path, writer: Callable[[Path], Path]) -> None:
    assert "CIFAR-100" in refused(writer(tmp_path))


def test_arrays_that_are_not_cifar_10(tmp_path: Path) -> None:
    whole = dict(np.load(keras_file(tmp_path)))
    for changed, said in (
        ({"x_train": whole["x_train"].astype(np.float32) / 255}, "must be uint8"),
        ({"x_train": whole["x_train"][:, :28, :28]}, "must be [N, 32, 32, 3]"),
        ({"y_train": whole["y_train"][:-1]}, "must be 100 integers"),
        ({"y_train": np.array([{}] * 100)}, "not readable as npz"),
    ):
        np.savez(tmp_path / "cifar10.npz", **{**whole, **changed})
        assert said in refused(tmp_path / "cifar10.npz")


def test_channels_first_and_flat_labels_are_taken_too(tmp_path: Path) -> None:
    whole = dict(np.load(keras_file(tmp_path)))
    whole["x_train"] = whole["x_train"].transpose(0, 3, 1, 2)
    whole["y_train"] = whole["y_train"][:, 0].astype(np.int32)
    np.savez(tmp_path / "cifar10.npz", **whole)
    train = copied(tmp_path, tmp_path / "data")["train"]
    assert np.array_equal(train.pixels, ALL_TILES[PARTS["train"]].transpose(0, 3, 1, 2))


# --- paths ---


def test_a_path_without_a_copy_is_told_what_would_be_taken(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    for path in (tmp_path, tmp_path / "notes.txt"):
        said = refused(path)
        assert f"no copy of CIFAR-10 in '{path}'" in said
        assert all(form.LAYOUT in said for form in formats.FORMATS)
    assert "no such file or folder" in refused(tmp_path / "nothing")
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    assert "a link to nothing" in refused(tmp_path / "link")


def test_a_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Source(path="~/copy").local_path == (tmp_path / "copy").resolve()
    for address in ("https://a.example/~b", "HTTP://a.example//c"):
        assert Source(path=address).path == address
        assert Source(path=address).local_path is None
    for wrong in ("~no-such-user-here/x", "", "a\0b"):
        with pytest.raises(ValueError, match="path"):
            Source(path=wrong)


def test_a_typo_leaves_the_prepared_data_alone(tmp_path: Path, capsys) -> None:
    copied(torchvision_folder(tmp_path), tmp_path / "results" / "data")
    capsys.readouterr()
    before = {path: path.read_bytes() for path in (tmp_path / "results" / "data").iterdir()}
    for wrong in (tmp_path / "typo", tmp_path / "results"):
        settings = json.dumps({"source": "parquet", "path": str(wrong)})
        asked = ["dataset", "--results", str(tmp_path / "results"), "--settings", settings]
        assert main(asked) == 1
        assert capsys.readouterr().err.startswith("error: data.path: no ")
        with pytest.raises(UserError, match=r"data\.path: no "):
            formats.require(Source(path=str(wrong)), tmp_path / "results" / "data")
    assert {path: path.read_bytes() for path in before} == before


def test_a_path_that_was_taken_need_not_stay(tmp_path: Path) -> None:
    source = Source(path=str(torchvision_folder(tmp_path / "copy")))
    prepare(source, tmp_path / "data")
    shutil.rmtree(tmp_path / "copy")
    formats.require(source, tmp_path / "data")
    with pytest.raises(UserError, match="no such file or folder"):
        formats.require(Source(path=str(tmp_path / "cop")), tmp_path / "data")


def test_without_the_official_host_it_says_what_would_be_taken(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.behaviours = ["gone"]
    monkeypatch.setattr("landscape.data.sources.official.fetch.__defaults__", (server.address,))
    with pytest.raises(UserError, match="404") as raised:
        prepare(Source(), tmp_path)
    assert all(form.LAYOUT in str(raised.value) for form in formats.FORMATS)
    assert "make study DATA=" in str(raised.value)


# --- the real images, where they are at hand ---


@pytest.mark.skipif(REAL is None, reason="no CIFAR-10 at hand")
def test_real_rows(tmp_path: Path) -> None:
    """The first of each part: the official order begins with a frog and two trucks, with a cat."""
    assert REAL is not None
    rows = slice_of(REAL, dict.fromkeys(PARTS, 300), tmp_path / "slice")
    images = copied(tmp_path / "slice", tmp_path / "data")
    assert images["train"].labels[:5].tolist() == [6, 9, 9, 4, 1]
    assert images["test"].labels[:5].tolist() == [3, 8, 8, 0, 6]
    with Image.open(io.BytesIO(rows["test"]["img"][299].as_py()["bytes"])) as image:
        expected = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    assert np.array_equal(images["test"].pixels[299], expected)


@pytest.mark.slow
@pytest.mark.skipif(REAL is None, reason="no CIFAR-10 at hand")
def test_real_images(tmp_path: Path) -> None:
    assert REAL is not None
    images = copied(REAL, tmp_path)
    assert [len(part) for part in images.values()] == [50_000, 10_000]
    described = dataset.describe(tmp_path)
    assert (described["train_images"], described["test_images"]) == (50_000, 10_000)
    assert described["notes"] == []
    if REAL.name == "cifar10-99.85-official":
        assert described["name"] == "CIFAR-10, official pixels of all but 0.15 %"
        assert described["official_pixels"] is False
        assert described["official_share"] == 59_908 / 60_000
        assert described["mean"] == pytest.approx([0.49139, 0.48210, 0.44638], abs=2e-4)


# --- official pixels ---


def test_official_pixels_are_told_by_what_is_known_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    train, test = (
        (draw.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8), draw.integers(0, 10, count))
        for count in (30, 20)
    )
    monkeypatch.setattr(official_pixels, "TRAIN_IMAGES", 30)
    monkeypatch.setattr(official_pixels, "TEST_IMAGES", 20)
    monkeypatch.setattr(official_pixels, "NOT_KNOWN", {"train": (3, 9), "test": (0,)})
    known = {
        "train": np.array([i for i in range(30) if i not in (3, 9)]),
        "test": np.arange(1, 20),
    }
    told, digest = official_pixels.told, official_pixels._sha256
    parts = {"train": train, "test": test}
    monkeypatch.setattr(official_pixels, "SHA256", digest(parts, known))
    monkeypatch.setattr(official_pixels, "WITH_REENCODED", digest(parts, None))
    assert told(train, test, None)[:2] == (False, official_pixels.SHARE)
    other = train[0].copy()
    other[9] ^= 1  # one of those that are not known
    assert told((other, train[1]), test, None)[:2] == (None, official_pixels.SHARE)
    other[10] ^= 1
    assert told((other, train[1]), test, None)[:2] == (None, None)
    assert told(train, (test[0], (test[1] + 1) % 10), None)[:2] == (None, None)
    assert told(train, test, True)[:2] == (True, 1.0)
    assert told((other, train[1]), test, False)[:2] == (False, None)


def test_the_share_is_that_of_59_908_images() -> None:
    assert official_pixels.KNOWN == 59_908
    assert {part: len(rows) for part, rows in official_pixels.NOT_KNOWN.items()} == {
        "train": 72,
        "test": 20,
    }
