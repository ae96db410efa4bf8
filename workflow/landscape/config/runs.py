"""One run: its settings, complete and immutable, and its folder, which is its id."""

from typing import Annotated, Literal

from pydantic import Field

from landscape.config.fields import (
    Count,
    NotNegative,
    Positive,
    Seed,
    Settings,
    Several,
    Share,
    Whole,
)
from landscape.config.recipes import Recipe

Precision = Literal["auto", "float32", "tf32", "bfloat16"]
Device = Literal["auto", "cuda", "cpu"]
Study = Literal["bands", "probe", "mechanism", "network"]
CLASSES = 10  # of CIFAR-10, and of every source of images


class Split(Settings):
    """The split of the training images into those trained on and those held out."""

    train_images: Count | None = None
    validation_images: Annotated[Whole, Field(ge=0, le=10**9)] = 0
    seed: Seed = 0


class ProbeSchedule(Settings):
    """When to measure along the gradient, and how far: step sizes relative to the learning rate."""

    every: Count
    relative_step_sizes: Several[Positive]


class Run(Recipe):
    """Everything that decides the numbers of one training run."""

    study: Study
    name: str | None = None  # in the network and mechanism studies: its own name
    seed: Seed
    steps: Count | None = None  # instead of epochs
    tested: bool = True  # whether the test images are read, once, at the end
    gradient_lags: tuple[Count, ...] = ()  # none: gradients are not measured
    same_batch_every_steps: Count | None = None  # none: not measured
    probe: ProbeSchedule | None = None
    moments: tuple[Whole, ...] = ()  # steps whose weights are kept
    split: Split
    device: Device
    precision: Precision

    @property
    def id(self) -> str:
        """The run's folder below the results.

        `bands/vgg_a/lr0.001/seed0`, `probe/vgg_a/seed0`, `network/final/fast/seed0`,
        `mechanism/vgg_a/lr0.1/seed0`.
        """
        if self.study == "network":
            return network_id(str(self.name), self.seed)
        if self.study == "mechanism":
            return mechanism_id(str(self.name), self.seed)
        if self.study == "probe":
            return probe_id(self.architecture.name, self.seed)
        return bands_id(self.architecture.name, self.learning_rate, self.seed)


class PlainRun(Settings):
    """Everything that decides the numbers of one run of the network of plain tensors."""

    study: Literal["network"] = "network"
    filters: Count
    neurons: Count
    learning_rate: Positive
    momentum: Share
    weight_decay: NotNegative
    batch_size: Count
    epochs: Count
    seed: Seed
    split: Split
    device: Device
    precision: Literal["float32"] = "float32"

    @property
    def id(self) -> str:
        """The run's folder below the results."""
        return network_id("plain", self.seed)


def bands_id(architecture: str, learning_rate: float, seed: int) -> str:
    return f"bands/{architecture}/lr{learning_rate!r}/seed{seed}"


def probe_id(architecture: str, seed: int) -> str:
    return f"probe/{architecture}/seed{seed}"


def network_id(name: str, seed: int) -> str:
    return f"network/{name}/seed{seed}"


def mechanism_id(name: str, seed: int) -> str:
    return f"mechanism/{name}/seed{seed}"
