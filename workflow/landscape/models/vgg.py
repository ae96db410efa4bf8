"""VGG-A (Simonyan & Zisserman 2015, table 1, column A) for 32×32 images, as the course has it."""

from collections.abc import Iterator

import torch
from torch import nn

from landscape.config.architectures import Control, Normalization, Vgg, VggName
from landscape.models.layers import scaled
from landscape.models.network import Network
from landscape.models.normalization import KINDS, fit, seed_noise

# Output channels of each 3×3 convolution; "M" halves the image by 2×2 max pooling.
PLAN_A: tuple[int | str, ...] = (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M")
HIDDEN = 512
NORMALIZATIONS: dict[VggName, Normalization | Control] = {
    "vgg_a": "none",
    "vgg_a_bn": "batch",
    "vgg_a_ln": "layer",
    "vgg_a_gn": "group",
    "vgg_a_in": "instance",
    "vgg_a_bn_noise": "batch_noise",
    "vgg_a_bn_frozen": "batch_frozen",
    "vgg_a_l1": "l1",
    "vgg_a_l2": "l2",
    "vgg_a_linf": "linf",
    "vgg_a_init": "initial",
    "vgg_a_ws": "weight",
}


class VGG(Network):
    """Convolutions by a plan, then two hidden linear layers; inputs [N, 3, 32, 32] → logits.

    `width` multiplies every layer's channels. The normalization stands between a convolution and
    its ReLU, and nowhere in the classifier. At width 1 the parameters are 9,750,922 with none and
    9,756,426 with batch.
    """

    def __init__(
        self,
        normalization: Normalization | Control = "none",
        width: float = 1.0,
        classes: int = 10,
    ):
        super().__init__()
        hidden = scaled(HIDDEN, width)
        self.features = nn.Sequential(*_features(normalization, width))
        self.classifier = nn.Sequential(
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, classes),
        )

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
    return VGG("none", width, classes)


def VGG_BatchNorm(width: float = 1.0, classes: int = 10) -> VGG:
    """VGG-A with BatchNorm2d after every convolution."""
    return VGG("batch", width, classes)


VGG_A_BatchNorm = VGG_BatchNorm  # as the course's other skeletons call it


def build(settings: Vgg, classes: int) -> VGG:
    return VGG(NORMALIZATIONS[settings.name], settings.width, classes)


def _features(normalization: Normalization | Control, width: float) -> Iterator[nn.Module]:
    kind = KINDS[normalization]
    channels = 3
    for entry in PLAN_A:
        if isinstance(entry, str):
            yield nn.MaxPool2d(2)
            continue
        outputs = scaled(entry, width)
        yield kind.convolution(channels, outputs, kernel_size=3, padding=1)
        norm = kind.after(outputs)
        if norm is not None:
            yield norm
        yield nn.ReLU()
        channels = outputs
