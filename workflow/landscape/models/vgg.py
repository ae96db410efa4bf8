"""VGG-A (Simonyan & Zisserman 2015, table 1, column A) for 32×32 images, as the course has it."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from landscape.config.architectures import Control, Normalization, Vgg, VggName
from landscape.models.layers import scaled
from landscape.models.network import Network
from landscape.models.normalization import KINDS, fit, seed_noise

Plan = tuple[int | str, ...]

# Output channels of each 3×3 convolution; "M" halves the image by 2×2 pooling.
PLAN_A: Plan = (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M")
PLAN_19: Plan = (
    *(64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M"),
    *(512, 512, 512, 512, "M", 512, 512, 512, 512, "M"),
)
HIDDEN = 512


@dataclass(frozen=True)
class Design:
    """What tells one VGG from another.

    `normalized_head`: BatchNorm1d also before the ReLUs of the hidden linear layers. `he`: He's
    initial weights instead of Glorot's. `smooth`: GELU and average pooling instead of ReLU and max
    pooling, so that the loss has derivatives of every order; the weights are of the same shapes.
    """

    normalization: Normalization | Control = "none"
    normalized_head: bool = False
    he: bool = False
    smooth: bool = False
    plan: Plan = PLAN_A


DESIGNS: dict[VggName, Design] = {
    "vgg_a": Design(),
    "vgg_a_bn": Design("batch"),
    "vgg_a_ln": Design("layer"),
    "vgg_a_gn": Design("group"),
    "vgg_a_in": Design("instance"),
    "vgg_a_bn_noise": Design("batch_noise"),
    "vgg_a_bn_frozen": Design("batch_frozen"),
    "vgg_a_l1": Design("l1"),
    "vgg_a_l2": Design("l2"),
    "vgg_a_linf": Design("linf"),
    "vgg_a_init": Design("initial"),
    "vgg_a_ws": Design("weight"),
    "vgg_a_bn_fc": Design("batch", normalized_head=True),
    "vgg_a_he": Design(he=True),
    "vgg_a_smooth": Design(smooth=True),
    "vgg_a_bn_smooth": Design("batch", smooth=True),
    "vgg_a_bn_fc_smooth": Design("batch", normalized_head=True, smooth=True),
    "vgg_a_he_smooth": Design(he=True, smooth=True),
    "vgg_19": Design(plan=PLAN_19),
    "vgg_19_bn_fc": Design("batch", normalized_head=True, plan=PLAN_19),
}


class VGG(Network):
    """Convolutions by a plan, then two hidden linear layers; inputs [N, 3, 32, 32] → logits.

    `width` multiplies every layer's channels. The normalization stands between a convolution and
    its ReLU, and in the classifier only where the design says so. At width 1 VGG-A has 9,750,922
    parameters, 9,756,426 with BatchNorm, 9,758,474 with BatchNorm in the classifier too.
    """

    def __init__(self, design: Design, width: float = 1.0, classes: int = 10):
        super().__init__()
        self.he = design.he
        self.features = nn.Sequential(*_features(design, width))
        self.classifier = nn.Sequential(*_classifier(design, scaled(HIDDEN, width), classes))

    @property
    def output_layer(self) -> nn.Linear:  # type: ignore[override]
        """The last linear layer, whose gradient many studies take for the network's."""
        last = self.classifier[-1]
        assert isinstance(last, nn.Linear)
        return last

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.classifier(self.features(images).flatten(1))
        return logits

    def initialize(self, generator: torch.Generator) -> None:
        """Glorot-normal weights and zero biases, as in the course and in Santurkar et al. 2018."""
        if self.he:
            super().initialize(generator)
            return
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_normal_(module.weight, generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        seed_noise(self, generator)

    def fit(self, sample: torch.Tensor) -> None:
        fit(self.features, sample)


def VGG_A(width: float = 1.0, classes: int = 10) -> VGG:
    """VGG-A without normalization."""
    return VGG(Design(), width, classes)


def VGG_BatchNorm(width: float = 1.0, classes: int = 10) -> VGG:
    """VGG-A with BatchNorm2d after every convolution."""
    return VGG(Design("batch"), width, classes)


VGG_A_BatchNorm = VGG_BatchNorm  # as the course's other skeletons call it


def build(settings: Vgg, classes: int) -> VGG:
    return VGG(DESIGNS[settings.name], settings.width, classes)


def _features(design: Design, width: float) -> Iterator[nn.Module]:
    kind = KINDS[design.normalization]
    channels = 3
    for entry in design.plan:
        if isinstance(entry, str):
            yield nn.AvgPool2d(2) if design.smooth else nn.MaxPool2d(2)
            continue
        outputs = scaled(entry, width)
        yield kind.convolution(channels, outputs, kernel_size=3, padding=1)
        norm = kind.after(outputs)
        if norm is not None:
            yield norm
        yield _activation(design)
        channels = outputs


def _classifier(design: Design, hidden: int, classes: int) -> Iterator[nn.Module]:
    for _ in range(2):
        yield nn.Linear(hidden, hidden)
        if design.normalized_head:
            yield nn.BatchNorm1d(hidden)
        yield _activation(design)
    yield nn.Linear(hidden, classes)


def _activation(design: Design) -> nn.Module:
    return nn.GELU() if design.smooth else nn.ReLU()
