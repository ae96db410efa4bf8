"""Published results on CIFAR-10: official pixels, from scratch, no extra data.

Accuracies are on the 10,000 test images, as published. Training operations and seconds are given if
known; the seconds are for the named hardware and say little about any other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PFLOP = 1e15
MINUTE = 60.0


@dataclass(frozen=True)
class Published:
    """accuracy: of the test images (%); flops: of the whole training; seconds: of the training."""

    name: str
    accuracy: float
    parameters: float
    source: str
    flops: float | None = None
    seconds: float | None = None
    hardware: str = ""
    remark: str = ""


_AIRBENCH = "K. Jordan 2024, arXiv:2404.00498, github.com/KellerJordan/cifar10-airbench"
_CONDENSENET = "G. Huang et al. 2018, arXiv:1711.09224"
_WIDE = "S. Zagoruyko and N. Komodakis 2016, arXiv:1605.07146"
_SHARPNESS = "P. Foret et al. 2021, arXiv:2010.01412"
_SMALL_RESNETS = "github.com/chenyaofo/pytorch-cifar-models"
_AVERAGED = "six views of a test image"
_COURSE = "public solution of the course"

PUBLISHED = (
    Published(
        "airbench94",
        94.0,
        1.97e6,
        _AIRBENCH,
        0.29 * PFLOP,
        2.6,
        "A100",
        f"mean of 200, {_AVERAGED}",
    ),
    Published("airbench95", 95.0, 4.6e6, _AIRBENCH, 1.4 * PFLOP, 10.4, "A100", _AVERAGED),
    Published("airbench96", 96.0, 9.9e6, _AIRBENCH, 4.9 * PFLOP, 34.7, "A100", _AVERAGED),
    Published("airbench96 fast", 96.0, 9.9e6, _AIRBENCH, 3.1 * PFLOP, 27.3, "A100", _AVERAGED),
    Published(
        "ResNet-18", 96.0, 11.2e6, _AIRBENCH, 32 * PFLOP, 7 * MINUTE, "A100", "standard recipe"
    ),
    Published("WRN-28-10", 96.0, 36.5e6, _WIDE),
    Published("WRN, AutoAugment", 97.7, 36.5e6, _SHARPNESS),
    Published("WRN, SAM", 97.9, 36.5e6, _SHARPNESS, remark="with AutoAugment"),
    Published("PyramidNet, SAM", 98.6, 26e6, _SHARPNESS, remark="ShakeDrop, AutoAugment; days"),
    Published(
        "cifar10-tiniest", 94.4, 97_530, "github.com/xvel/cifar10-tiniest", remark="mean of 5"
    ),
    Published("CondenseNet-50", 93.8, 0.22e6, _CONDENSENET, remark="300 epochs"),
    Published("CondenseNet-86", 94.9, 0.52e6, _CONDENSENET, remark="300 epochs"),
    Published("CondenseNet-110", 95.4, 0.79e6, _CONDENSENET, remark="300 epochs"),
    Published("ResNet-20", 92.6, 0.27e6, _SMALL_RESNETS, remark="200 epochs"),
    Published("ResNet-56", 94.4, 0.86e6, _SMALL_RESNETS, remark="200 epochs"),
    Published(
        "course, best",
        98.0,
        36.5e6,
        _COURSE,
        seconds=75 * MINUTE,
        hardware="H100",
        remark="chosen by test accuracy",
    ),
    Published("course, smallest", 92.5, 0.72e6, _COURSE, remark="the smallest one"),
)


NEARLY = 0.99  # share of the images with official pixels


def comparable(dataset: Mapping[str, Any]) -> bool:
    """Whether dataset.json says that (nearly) all images have the official pixels."""
    return dataset["official_pixels"] is True or (dataset.get("official_share") or 0) >= NEARLY
