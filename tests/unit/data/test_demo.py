"""The demo set: always the same, and not told by colour."""

from pathlib import Path

import numpy as np
import pytest
import torch

from landscape.config.study import Source
from landscape.data import dataset
from landscape.data.sources import demo
from landscape.data.sources.registry import prepare
from support.sources import names


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
    assert names(first) == ["SHA256SUMS", "dataset.json", "test.safetensors", "train.safetensors"]


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
