"""Published values of what the mechanism study measures. None has its networks and its steps."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Found:
    """`value` of `quantity` as published; `marks`: by our network that it compares with, a number
    to be drawn.

    λ₁ and κ are in units of 2/lr, once training has come to the edge of stability.
    """

    quantity: str
    value: str
    setting: str
    source: str
    marks: tuple[tuple[str, float], ...] = ()


LITERATURE = (
    Found(
        "lambda_1",
        "just above 1",
        "full-batch gradient descent, several networks",
        "Cohen et al. 2021, arXiv:2103.00065, abstract",
    ),
    Found(
        "batch_sharpness",
        "1",
        "SGD, other networks",
        "Andreyev and Beneventano 2024, arXiv:2412.20553, abstract",
    ),
    Found(
        "largest_rate",
        "of 0.0001, 0.003 and 0.1: 0.0001 without BatchNorm, 0.1 with",
        "ResNet-110 on CIFAR-10, SGD with momentum",
        "Bjorck et al. 2018, arXiv:1806.02375, figure 1",
        (("vgg_a", 0.0001), ("vgg_a_bn", 0.1)),
    ),
)
