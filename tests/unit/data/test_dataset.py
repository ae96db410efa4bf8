"""The prepared dataset: what is refused, that bytes repeat, and that splits are fair."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape.config.runs import Split
from landscape.data import dataset, preparation
from landscape.data.cifar10 import CLASS_NAMES
from landscape.data.dataset import Images, class_balanced
from landscape.errors import UserError
from landscape.storage import files

PROVENANCE = {
    "source": "demo",
    "name": "a test",
    "origin": None,
    "official_pixels": None,
    "files": [],
    "class_names": list(CLASS_NAMES),
}


SWAPPED = {"class_names": [*CLASS_NAMES[1:], CLASS_NAMES[0]]}


def arrays(count: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
    return pixels, generator.permutation(np.arange(count) % 10)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    preparation.write(tmp_path, arrays(), arrays(20, seed=1), PROVENANCE)
    return tmp_path


@pytest.fixture(scope="module")
def images() -> Images:
    """1,003 images that know their index: the pixels spell it, classes are not equally many."""
    labels = torch.from_numpy(np.random.default_rng(2).permutation(np.arange(1003) % 10))
    pixels = torch.zeros(1003, 3, 32, 32, dtype=torch.uint8)
    index = torch.arange(1003)
    pixels[:, 0, 0, 0], pixels[:, 0, 0, 1] = index // 256, index % 256
    return Images(pixels, labels)


def indices(part: Images) -> list[int]:
    return (part.pixels[:, 0, 0, 0].long() * 256 + part.pixels[:, 0, 0, 1].long()).tolist()


def spread(labels: torch.Tensor) -> int:
    counts = torch.bincount(labels, minlength=10)
    return int(counts.max() - counts.min())


def test_what_is_written_is_what_is_loaded(folder: Path) -> None:
    for part, (pixels, labels) in (("train", arrays()), ("test", arrays(20, seed=1))):
        images = dataset.load(folder, part)  # type: ignore[arg-type]
        assert images.pixels.dtype == torch.uint8
        assert images.labels.dtype == torch.int64
        assert np.array_equal(images.pixels.numpy(), pixels)
        assert np.array_equal(images.labels.numpy(), labels)
        assert len(images) == len(labels)


def test_description(folder: Path) -> None:
    described = dataset.describe(folder)
    assert (described["train_images"], described["test_images"]) == (40, 20)
    assert described["train_images_per_class"] == [4] * 10
    scaled = arrays()[0] / 255
    assert described["mean"] == pytest.approx(scaled.mean((0, 2, 3)), abs=1e-12)
    assert described["std"] == pytest.approx(scaled.std((0, 2, 3)), abs=1e-12)


def test_the_same_images_give_the_same_bytes_wherever_they_lie(tmp_path: Path) -> None:
    for name in ("here", "there"):
        preparation.write(tmp_path / name, arrays(), arrays(20), PROVENANCE)
    # The same pixels in another memory order are the same images.
    pixels, labels = arrays()
    transposed = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    preparation.write(
        tmp_path / "order", (transposed, labels.astype(np.uint8)), arrays(20), PROVENANCE
    )
    for path in (tmp_path / "here").iterdir():
        assert (tmp_path / "there" / path.name).read_bytes() == path.read_bytes()
        assert (tmp_path / "order" / path.name).read_bytes() == path.read_bytes()


def test_checksum_is_of_pixels_and_labels(tmp_path: Path) -> None:
    pixels, labels = arrays()
    other = pixels.copy()
    other[7, 1, 2, 3] ^= 1
    swapped = np.roll(labels, 1)
    sums = set()
    for name, train in (("a", (pixels, labels)), ("b", (other, labels)), ("c", (pixels, swapped))):
        preparation.write(tmp_path / name, train, arrays(20), PROVENANCE)
        sums.add(dataset.describe(tmp_path / name)["sha256"])
    assert len(sums) == 3


def changed(array: np.ndarray, index: int, value: int) -> np.ndarray:
    copy = array.copy()
    copy[index] = value
    return copy


PIXELS, LABELS = arrays()


@pytest.mark.parametrize(
    ("pixels", "labels", "named"),
    [
        (PIXELS.astype(np.float32), LABELS, "train pixels: dtype is float32"),
        (np.full(PIXELS.shape, np.nan), LABELS, "train pixels: dtype is float64"),
        (PIXELS[:, :1], LABELS, r"train pixels: shape is \[40, 1, 32, 32\]"),
        (PIXELS.transpose(0, 2, 3, 1), LABELS, r"train pixels: shape is \[40, 32, 32, 3\]"),
        (PIXELS.reshape(40, -1), LABELS, r"train pixels: shape is \[40, 3072\]"),
        (PIXELS, LABELS.astype(np.float64), "train labels: dtype is float64"),
        (PIXELS, LABELS[:, None], r"train labels: shape is \[40, 1\]"),
        (PIXELS, LABELS[:-1], "train: length differs, 40 images but 39 labels"),
        (PIXELS, changed(LABELS, 3, 10), "range is 0..9, but 10"),
        (PIXELS, changed(LABELS, 3, -1), "range is 0..9, but -1"),
        (PIXELS, np.where(LABELS == 6, 5, LABELS), r"every class must be present, but \[6\]"),
        (PIXELS[:0], LABELS[:0], "every class must be present"),
    ],
)
def test_wrong_arrays_are_refused_before_anything_is_written(
    tmp_path: Path, pixels: np.ndarray, labels: np.ndarray, named: str
) -> None:
    with pytest.raises(UserError, match=named):
        preparation.write(tmp_path, (pixels, labels), arrays(20), PROVENANCE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("byte", [0, 60, 5000, -1])
def test_a_flipped_bit_is_refused(folder: Path, byte: int) -> None:
    path = folder / "train.safetensors"
    content = bytearray(path.read_bytes())
    content[byte] ^= 4
    path.write_bytes(content)
    with pytest.raises(UserError, match="train.safetensors: damaged"):
        dataset.load(folder, "train")
    assert len(dataset.load(folder, "test")) == 20


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "test.safetensors").unlink()
    with pytest.raises(UserError, match=r"test\.safetensors: no such file"):
        dataset.load(folder, "test")
    with pytest.raises(UserError, match=r"dataset\.json: no such file"):
        dataset.load(folder / "elsewhere", "train")


def test_tensors_of_another_program_are_verified_too(folder: Path) -> None:
    import safetensors.torch

    path = folder / "train.safetensors"
    wrong = {"pixels": torch.zeros(40, 3, 32, 32), "labels": torch.arange(40) % 10}
    path.write_bytes(safetensors.torch.save(wrong))
    described = files.read_json(folder / "dataset.json")
    described["tensors"][path.name] = files.sha256_file(path)
    (folder / "dataset.json").write_text(json.dumps(described))
    with pytest.raises(UserError, match="pixels: dtype is float32"):
        dataset.load(folder, "train")


@pytest.mark.parametrize(
    ("key", "value"), [("tensors", None), ("mean", "0.5"), ("class_names", {}), ("sha256", 3)]
)
def test_a_wrong_description_is_named(folder: Path, key: str, value: Any) -> None:
    described = {**files.read_json(folder / "dataset.json"), key: value}
    (folder / "dataset.json").write_text(json.dumps(described))
    with pytest.raises(UserError, match=rf"dataset\.json: {key} must be"):
        dataset.describe(folder)


@pytest.mark.parametrize("full_at", range(4))
def test_a_set_is_replaced_as_a_whole_or_not_at_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch, full_at: int
) -> None:
    """On a disk that is full at the first, second, … file, what was prepared before stays."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(before) == 4
    whole, writes = files.atomic_file, iter(range(4))

    class Full:
        def __init__(self, file: IO[bytes]) -> None:
            self.file = file

        def write(self, content: bytes) -> None:
            if next(writes) == full_at:
                raise OSError(28, "No space left on device")
            self.file.write(content)

    @contextmanager
    def full(path: Path) -> Iterator[Any]:
        with whole(path) as file:
            yield Full(file)

    monkeypatch.setattr(files, "atomic_file", full)
    with pytest.raises(UserError, match="No space left"):
        preparation.write(folder, arrays(30), arrays(20), PROVENANCE)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_checksums_are_those_of_the_tensors_and_the_class_names(folder: Path) -> None:
    sums = (folder / "SHA256SUMS").read_text()
    checked = ["sha256sum", "-c", "SHA256SUMS"]
    assert subprocess.run(checked, cwd=folder, capture_output=True).returncode == 0
    for changed, same in (({"name": "other", "source": "copy"}, True), (SWAPPED, False)):
        preparation.write(folder, arrays(), arrays(20, seed=1), {**PROVENANCE, **changed})
        assert ((folder / "SHA256SUMS").read_text() == sums) == same


@pytest.mark.parametrize("names", [["one"], [1] * 10])
def test_class_names_must_be_ten_names(tmp_path: Path, names: list[Any]) -> None:
    with pytest.raises(UserError, match="class_names must be 10 names"):
        preparation.write(tmp_path, arrays(), arrays(20), {**PROVENANCE, "class_names": names})


@settings(deadline=None, max_examples=40)
@given(count=st.integers(0, 1000), seed=st.integers(0, 2**31 - 1))
def test_class_balanced(images: Images, count: int, seed: int) -> None:
    chosen = class_balanced(images.labels, count, seed)
    assert len(chosen) == count
    assert torch.all(chosen[1:] > chosen[:-1])
    assert spread(images.labels[chosen]) <= 1
    fewer = class_balanced(images.labels, count // 2, seed)
    assert set(fewer.tolist()) <= set(chosen.tolist())


def test_class_balanced_takes_the_odd_ones_where_there_are_some() -> None:
    labels = torch.tensor([0, 0, *range(1, 10), 4])  # two of class 0 and of class 4
    assert class_balanced(labels, 12, seed=0).tolist() == list(range(12))
    assert len(class_balanced(labels, 11, seed=1)) == 11
    with pytest.raises(UserError, match="13 images asked for, .* at most 12"):
        class_balanced(labels, 13, seed=0)


def test_class_balanced_differs_by_seed_and_leaves_the_global_state_alone(images: Images) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (class_balanced(images.labels, 100, seed).tolist() for seed in (0, 0, 1))
    assert first == again != other
    assert torch.equal(torch.get_rng_state(), before)


def test_class_balanced_draws_every_image_equally_often() -> None:
    labels = torch.arange(40) % 10
    draws = torch.stack([class_balanced(labels, 15, seed) for seed in range(2000)]).flatten()
    frequency = torch.bincount(draws, minlength=40) / 2000
    assert torch.all((frequency - 15 / 40).abs() < 0.06)  # over 5 standard errors


def test_split_holds_out_and_keeps_order(images: Images) -> None:
    training, validation = dataset.split(images, Split(train_images=305, validation_images=98))
    assert (len(training), len(validation)) == (305, 98)
    assert not set(indices(training)) & set(indices(validation))
    for part in (training, validation):
        assert indices(part) == sorted(indices(part))
        assert torch.equal(part.labels, images.labels[indices(part)])
        assert spread(part.labels) <= 1


def test_validation_does_not_depend_on_the_training_part(images: Images) -> None:
    held_out = [
        indices(dataset.split(images, Split(train_images=count, validation_images=100))[1])
        for count in (None, 10, 500, 900)
    ]
    assert all(part == held_out[0] for part in held_out)
    other_seed = dataset.split(images, Split(validation_images=100, seed=1))[1]
    assert indices(other_seed) != held_out[0]
    trained_on = dataset.split(images, Split(train_images=100))[0]
    assert indices(trained_on) != held_out[0]  # the two choices are drawn independently


def test_split_without_limits_is_everything_in_order(images: Images) -> None:
    training, validation = dataset.split(images, Split())
    assert indices(training) == list(range(1003))
    assert len(validation) == 0
    training, validation = dataset.split(images, Split(validation_images=100))
    assert sorted(indices(training) + indices(validation)) == list(range(1003))


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (Split(validation_images=2000), r"split\.validation_images: 2000 .* at most 1003"),
        (Split(train_images=1004), r"split\.train_images: 1004 .* at most 1003"),
        (
            Split(train_images=904, validation_images=100),
            r"split\.train_images: 904 .* 903 .* at most 903",
        ),
        (Split(validation_images=1003), r"split\.validation_images: 1003 .* leave none"),
    ],
)
def test_too_many_asked_for(images: Images, asked: Split, named: str) -> None:
    with pytest.raises(UserError, match=named):
        dataset.split(images, asked)
