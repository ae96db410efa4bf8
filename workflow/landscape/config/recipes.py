"""Training recipes as settings: update rule, loss, augmentation and schedule."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from landscape.config.architectures import Architecture
from landscape.config.fields import (
    Count,
    NotNegative,
    Number,
    Positive,
    Settings,
    Share,
    Whole,
)

OptimizerName = Literal[
    "adam", "sgd", "adamw", "rmsprop", "adagrad", "our_sgd", "our_adamw", "muon"
]
# The module whose `build` makes the update rule, imported for runs of this rule only.
MODULES: dict[OptimizerName, str] = {
    "adam": "optimizers.from_torch",
    "sgd": "optimizers.from_torch",
    "adamw": "optimizers.from_torch",
    "rmsprop": "optimizers.from_torch",
    "adagrad": "optimizers.from_torch",
    "our_sgd": "optimizers.sgd",
    "our_adamw": "optimizers.adamw",
    "muon": "optimizers.muon_and_sgd",
}
SAM = "optimizers.sam"  # the same, with a sharpness radius
FIXED_NORMS = "optimizers.fixed_norms"  # the same, if the rule itself does not fix them
WITH_MOMENTUM = ("sgd", "our_sgd", "rmsprop", "muon")
WITH_NESTEROV = ("sgd", "our_sgd", "muon")
MUON = ("muon",)
READ_BY = {
    "momentum": WITH_MOMENTUM,
    "nesterov": WITH_NESTEROV,
    "vector_learning_rate": MUON,
    "head_learning_rate": MUON,
    "vector_momentum": MUON,
    "newton_schulz_steps": MUON,
    "fixed_norm": ("muon", "sgd"),
}
ANY_SIDE = ("fast", "compact", "accurate", "resnet18")  # networks that end in a global pooling


class Optimizer(Settings):
    """The update rule; the learning rate belongs to the run.

    `our_…` and `muon` are written in this project, the others in torch. `muon` updates filter
    banks and hidden matrices; `our_sgd` updates biases, normalizations and depthwise filters at
    `vector_learning_rate`, and the output layer at `head_learning_rate`. `sharpness_radius` > 0
    wraps SAM around any rule.
    """

    name: OptimizerName = "adam"
    momentum: Share = 0.0
    nesterov: bool = False
    weight_decay: NotNegative = 0.0
    sharpness_radius: NotNegative = 0.0
    vector_learning_rate: Positive | None = None
    head_learning_rate: Positive | None = None
    vector_momentum: Share = 0.85
    newton_schulz_steps: Annotated[Count, Field(le=20)] = 5
    fixed_norm: bool = False  # filter banks keep a norm: √outputs (muon), their initial one (sgd)

    @property
    def modules(self) -> tuple[str, ...]:
        """The module of the update rule, and those of its wrappers."""
        fixed = self.fixed_norm and self.name not in MUON
        wrappers = ((FIXED_NORMS, fixed), (SAM, self.sharpness_radius > 0))
        return (MODULES[self.name], *(module for module, used in wrappers if used))

    @property
    def unread(self) -> set[str]:
        """The settings that this update rule does not use."""
        return {key for key, names in READ_BY.items() if self.name not in names}

    @model_validator(mode="after")
    def _options_are_used(self) -> "Optimizer":
        for key in sorted(self.unread):
            if getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(f"{key} is only read with {READ_BY[key]}, not with {self.name}")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        if self.name == "muon":
            if not self.vector_momentum:
                raise ValueError("vector_momentum must be above 0")
            if self.vector_learning_rate is None or self.head_learning_rate is None:
                raise ValueError("muon needs vector_learning_rate and head_learning_rate")
        return self


class Loss(Settings):
    """The minimized function: a loss over the mini-batch plus an L1 penalty on all parameters."""

    name: Literal["cross_entropy", "focal", "squared_error"] = "cross_entropy"
    label_smoothing: Share = 0.0
    focusing: NotNegative = 2.0  # γ of the focal loss
    l1: NotNegative = 0.0  # λ of λ·‖θ‖₁

    @model_validator(mode="after")
    def _options_are_used(self) -> "Loss":
        if self.focusing != type(self).model_fields["focusing"].default and self.name != "focal":
            raise ValueError(f"focusing is only read with focal, not {self.name}")
        if self.label_smoothing and self.name != "cross_entropy":
            raise ValueError(f"label_smoothing is only read with cross_entropy, not {self.name}")
        return self


class Augmentation(Settings):
    """Random changes of the training images, a function of (seed, epoch, image)."""

    flip: Literal["none", "random", "alternating"] = "none"
    crop: Annotated[Whole, Field(ge=0, le=16)] = 0  # shift by up to so many pixels, reflected
    cutout: Annotated[Whole, Field(ge=0, le=32)] = 0  # side of a grey square, in pixels
    mixup: NotNegative = 0.0  # α of the Beta distribution of the mixing weight


class Schedule(Settings):
    """The learning rate as a factor of the run's, over the share of steps done."""

    warmup: Share = 0.0  # share of the steps over which it rises from zero
    decay: Literal["constant", "linear", "cosine"] = "constant"
    final: Annotated[Number, Field(ge=0, le=1)] = 0.0  # factor at the end, with a decay

    @model_validator(mode="after")
    def _final_is_used(self) -> "Schedule":
        if self.final and self.decay == "constant":
            raise ValueError("final is only read with decay: linear or cosine")
        return self


class SmallImages(Settings):
    """Start training on smaller copies of the images: steps are cheaper, so there can be more."""

    size: Annotated[Count, Field(ge=16, lt=32)]
    share: Annotated[Number, Field(gt=0, lt=1)]  # of the epochs


class Recipe(Settings):
    """A network and everything about its training except data, seed and machine."""

    architecture: Architecture
    learning_rate: Positive
    optimizer: Optimizer
    batch_size: Count
    epochs: Count | None = None
    loss: Loss = Loss()
    augmentation: Augmentation = Augmentation()
    schedule: Schedule = Schedule()
    small_images: SmallImages | None = None
    average_decay: Share = 0.0  # of the weights' running average; 0: the last weights are used
    test_time_augmentation: bool = False

    @model_validator(mode="after")
    def _network_takes_small_images(self) -> "Recipe":
        if self.small_images is not None and self.architecture.name not in ANY_SIDE:
            raise ValueError(f"small_images needs one of {ANY_SIDE}, not {self.architecture.name}")
        return self
