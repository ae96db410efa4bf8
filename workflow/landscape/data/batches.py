"""Batches that are cut on the device: the images go there once, and no worker copies any."""

from collections.abc import Iterator
from pathlib import Path

import torch

from landscape.config.recipes import Augmentation
from landscape.config.runs import Split
from landscape.data import dataset
from landscape.data.augmentation import Augmenter
from landscape.runtime.randomness import generator

GREY = 127  # of 255, where an image is cut out
MEAN, STD = 0.5, 0.5  # of every channel, as the course normalizes: pixels in [0, 1] become [-1, 1]


class Batches:
    """Resident images as normalized batches (inputs [B, 3, 32, 32] float32, labels [B] int64).

    With a `seed`, epoch e runs through a permutation drawn for (seed, e); without one, in order.
    The last batch of an epoch holds what remains, as a DataLoader's does by default. Augmented
    images need a seed; mixed ones have probabilities [B, 10] for labels.

    `normalized_once` keeps the images as float32, in four times the memory: by default on a GPU,
    where a batch's arithmetic is several launches. The batches are bitwise the same.
    """

    def __init__(
        self,
        images: dataset.Images,
        batch_size: int,
        seed: int | None = None,
        device: torch.device | str = "cpu",
        augmentation: Augmentation | None = None,
        normalized_once: bool | None = None,
    ):
        pixels = images.pixels.to(device)
        if normalized_once is None:
            normalized_once = pixels.is_cuda
        self.labels = images.labels.to(device)
        self.batch_size = batch_size
        self.seed = seed
        stored = normalized(pixels) if normalized_once else pixels
        self._augmenter: Augmenter | None = None
        if augmentation is not None and augmentation != Augmentation():
            if seed is None:
                raise ValueError("augmentation is random: it needs a seed")
            grey = normalized(torch.full((1, 1, 1, 1), GREY)).item() if normalized_once else GREY
            self._augmenter = Augmenter(augmentation, stored, seed, grey)
        else:
            self._stored = stored.permute(0, 2, 3, 1).contiguous()  # [N, H, W, C]
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.labels) // self.batch_size)

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The batch of optimizer update `step`, counted from 0 over all epochs."""
        return self.cut(self.chosen(step))

    def chosen(self, step: int) -> torch.Tensor:
        """Which images [B] are in it; draws what the step needs, and a new epoch."""
        epoch, index = divmod(step, len(self))
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._permutation(epoch)
            if self._augmenter is not None:
                self._augmenter.draw(epoch)
        if self._augmenter is not None:
            self._augmenter.draw_mixture(step)
        return self._order[index * self.batch_size : (index + 1) * self.batch_size]

    def cut(self, chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """These images and their labels, as they were drawn last."""
        labels = self.labels[chosen]
        if self._augmenter is None:
            return _inputs(self._stored[chosen].permute(0, 3, 1, 2)), labels
        return self._augmenter.mix(_inputs(self._augmenter.pixels(chosen)), labels)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """One epoch: the first, or after a complete one the next."""
        start = (self._epoch + 1) * len(self)
        return (self.batch(step) for step in range(start, start + len(self)))

    def _permutation(self, epoch: int) -> torch.Tensor:
        count = len(self.labels)
        if self.seed is None:
            order = torch.arange(count)
        else:
            order = torch.randperm(count, generator=generator(self.seed, "order", epoch))
        return order.to(self.labels.device)


def _inputs(images: torch.Tensor) -> torch.Tensor:
    return images if images.is_floating_point() else normalized(images)


def normalized(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 in 0…255 → float32 in [-1, 1], channels last, as GPUs convolve fastest."""
    scaled = pixels.to(memory_format=torch.channels_last).float().div_(255)
    return scaled.sub_(MEAN).div_(STD)


def get_cifar_loader(
    root: str | Path = "results/data",
    batch_size: int = 128,
    train: bool = True,
    shuffle: bool = True,
    n_items: int = -1,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Batches:
    """The course's loader: iterate it for an epoch of (inputs, labels).

    `n_items` > 0 takes a class-balanced, seeded part. There is no `num_workers`: nothing is left
    for a worker to do.
    """
    images = dataset.load(Path(root), "train" if train else "test")
    if n_items > 0:
        images, _ = dataset.split(images, Split(train_images=n_items, seed=seed))
    return Batches(images, batch_size, seed if shuffle else None, device)
