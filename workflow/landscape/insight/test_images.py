"""The test images on which networks are inspected."""

from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from landscape.data import dataset
from landscape.data.batches import Batches
from landscape.data.dataset import Images
from landscape.errors import UserError
from landscape.insight.robustness import disturbed

SEED = 0  # of the choice
BATCH = 500
ATTRIBUTED = 4  # images, each of another class

Arrays = dict[str, NDArray[Any]]


class Subject:
    """The test images for every network: all, a class-balanced subset, and a few."""

    def __init__(self, data: Path, count: int, device: torch.device):
        self.device = device
        self.class_names: list[str] = dataset.describe(data)["class_names"]
        self.all = dataset.load(data, "test")
        key = "network.insight.images"
        if count < len(self.class_names):
            raise UserError(f"{key}: {count} is fewer than the {len(self.class_names)} classes")
        chosen = dataset.class_balanced(self.all.labels, count, SEED, key)
        self.part = self.all[chosen]
        self.disturbed = disturbed(self.part)
        kinds = range(0, len(self.class_names), len(self.class_names) // ATTRIBUTED)
        first = [int((self.part.labels == kind).nonzero()[0]) for kind in kinds[:ATTRIBUTED]]
        self.few = self.part[torch.tensor(first)]

    def batches(self, images: Images) -> Batches:
        return Batches(images, BATCH, device=self.device)

    def arrays(self) -> Arrays:
        return {
            "attributed_images": self.few.pixels.numpy(),
            "attributed_labels": self.few.labels.numpy(),
            "embedding_labels": self.part.labels.numpy(),
        }

    def numbers(self) -> dict[str, Any]:
        counts = {"images": len(self.part), "test_images": len(self.all)}
        return {"class_names": self.class_names, **counts}
