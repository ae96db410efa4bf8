"""One training run: its settings, complete and frozen, and the folder that it is known by."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _not_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number; YAML reads on, off, yes and no as true and false")
    return value


Number = Annotated[float, BeforeValidator(_not_bool), Field(allow_inf_nan=False)]
Whole = Annotated[int, BeforeValidator(_not_bool)]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
Count = Annotated[Whole, Field(gt=0, le=10**9)]
Seed = Annotated[Whole, Field(ge=0, lt=2**31)]
Precision = Literal["float32", "tf32", "bfloat16"]
Device = Literal["auto", "cuda", "cpu"]
ArchitectureName = Literal["vgg_a", "vgg_a_bn", "vgg_a_ln", "vgg_a_gn", "vgg_a_in"]
Normalization = Literal["none", "batch", "layer", "group", "instance"]


class Settings(BaseModel):
    """Base of all settings: immutable, and a key that nobody reads is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Split(Settings):
    """Which part of the training images is trained on and which is held out."""

    train_images: Count | None = None
    validation_images: Annotated[Whole, Field(ge=0, le=10**9)] = 0
    seed: Seed = 0


class Optimizer(Settings):
    """The update rule; the learning rate belongs to the run."""

    name: Literal["adam", "sgd"] = "adam"
    momentum: Annotated[Number, Field(ge=0, lt=1)] = 0.0
    weight_decay: NotNegative = 0.0

    @model_validator(mode="after")
    def _momentum_is_used(self) -> "Optimizer":
        if self.momentum and self.name != "sgd":
            raise ValueError(f"momentum is only read with name: sgd, not with {self.name}")
        return self


class Architecture(Settings):
    """A network by its name in `landscape.models.ARCHITECTURES`, and its width factor."""

    name: ArchitectureName
    width: Annotated[Positive, Field(le=16)] = 1.0


class ProbeSchedule(Settings):
    """When to measure along the gradient, and how far: step sizes relative to the learning rate."""

    every: Count
    relative_step_sizes: Annotated[tuple[Positive, ...], Field(min_length=1)]


class Run(Settings):
    """Everything that decides the numbers of one training run."""

    study: Literal["bands", "probe"]
    architecture: Architecture
    learning_rate: Positive
    seed: Seed
    optimizer: Optimizer
    batch_size: Count
    epochs: Count | None = None
    steps: Count | None = None
    gradient_lags: tuple[Count, ...] = (1,)
    probe: ProbeSchedule | None = None
    split: Split
    device: Device
    precision: Precision

    @property
    def id(self) -> str:
        """The run's folder below the results: `bands/vgg_a/lr0.001/seed0`, `probe/vgg_a/seed0`."""
        if self.study == "probe":
            return probe_id(self.architecture.name, self.seed)
        return bands_id(self.architecture.name, self.learning_rate, self.seed)


def bands_id(architecture: str, learning_rate: float, seed: int) -> str:
    return f"bands/{architecture}/lr{learning_rate!r}/seed{seed}"


def probe_id(architecture: str, seed: int) -> str:
    return f"probe/{architecture}/seed{seed}"
