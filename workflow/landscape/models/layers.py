"""Layers that the networks share."""

import math

from torch import nn

from landscape.runs import Normalization


def normalize(kind: Normalization, channels: int) -> nn.Module | None:
    """The normalization of a convolution's output [N, C, H, W]; None for none.

    batch: over N, H, W for each channel (Ioffe & Szegedy 2015). layer: over C, H, W for each image.
    group: over H, W and groups of 16 channels, or of more where 16 do not divide them (Wu & He
    2018). instance: over H, W for each image and channel. All have a learned scale and shift per
    channel; only batch has running averages.
    """
    match kind:
        case "none":
            return None
        case "batch":
            return nn.BatchNorm2d(channels)
        case "layer":
            return nn.GroupNorm(1, channels)
        case "group":
            return nn.GroupNorm(math.gcd(channels, max(1, channels // 16)), channels)
        case "instance":
            return nn.InstanceNorm2d(channels, affine=True)
