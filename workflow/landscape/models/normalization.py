"""Normalizations by name, and the controls that share a part of what they do.

A new one is an entry of `KINDS`: what follows a convolution, and which convolution it is.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import get_args

import torch
from torch import nn

from landscape.config.architectures import Control, Normalization
from landscape.models.layers import normalize
from landscape.runtime.randomness import generator

EPSILON = 1e-5


class NoisyBatchNorm(nn.BatchNorm2d):
    """BatchNorm, then noise whose distribution itself changes at every step and channel.

    Algorithm 1 of Santurkar et al. (2018), with its constants: a ← s·a + m with, for each channel
    of a step, μ ~ U(−0.5, 0.5) and σ ~ U(1, 1.25), and for each image and channel m ~ U(μ ± 0.1)
    and s ~ N(σ, 0.1). In evaluation there is none. The noise is a function of `seed` and of the
    number of batches seen, so that a step which is repeated from the same buffers has the same
    noise.
    """

    SHIFT, SCALE, SPREAD = 0.5, 1.25, 0.1
    draws_on_host = True  # so that a CUDA graph would repeat one draw
    seed: torch.Tensor

    def __init__(self, channels: int):
        super().__init__(channels)
        self.register_buffer("seed", torch.zeros((), dtype=torch.int64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normal = super().forward(x)
        if not self.training:
            return normal
        assert self.num_batches_tracked is not None
        drawn = generator(int(self.seed), "noise", int(self.num_batches_tracked))
        shape = x.shape[:2]
        shift = self.SHIFT * (2 * torch.rand(shape[1], generator=drawn) - 1)
        scale = 1 + (self.SCALE - 1) * torch.rand(shape[1], generator=drawn)
        shifts = shift + self.SPREAD * (2 * torch.rand(shape, generator=drawn) - 1)
        scales = scale + self.SPREAD * torch.randn(shape, generator=drawn)
        noisy: torch.Tensor = normal * scales[:, :, None, None].to(normal)
        return noisy + shifts[:, :, None, None].to(normal)


class FrozenNorm(nn.Module):
    """BatchNorm with the statistics of the data at initialization for ever: an affine layer.

    `fit` computes them; what is learned is BatchNorm's scale and shift.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))

    def fit(self, x: torch.Tensor) -> None:
        variance, mean = torch.var_mean(x, (0, 2, 3), correction=0)
        self.mean.copy_(mean)
        self.deviation.copy_((variance + EPSILON).sqrt())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale = self.weight / self.deviation
        shift = self.bias - self.mean * scale
        return x * scale[:, None, None] + shift[:, None, None]


class UnitConv2d(nn.Conv2d):
    """A convolution that `fit` scales and shifts once, so that on the data each channel that leaves
    it has mean 0 and variance 1 (Mishkin & Matas 2016, LSUV); from then on an ordinary one.
    """

    def fit(self, x: torch.Tensor) -> None:
        assert self.bias is not None
        variance, mean = torch.var_mean(self(x), (0, 2, 3), correction=0)
        deviation = (variance + EPSILON).sqrt()
        self.weight.div_(deviation[:, None, None, None])
        self.bias.sub_(mean).div_(deviation)


class StandardizedConv2d(nn.Conv2d):
    """A convolution with standardized weights (Qiao et al. 2019) and nothing after it.

    Of each filter w with n entries, ŵ = gain · (w − mean w) / (√n · std w) is used, gain learned
    and √2 at first: He's variance for a ReLU (Brock et al. 2021). Images are never looked at.
    """

    def __init__(self, inputs: int, outputs: int, kernel_size: int, padding: int):
        super().__init__(inputs, outputs, kernel_size, padding=padding)
        self.gain = nn.Parameter(torch.full((outputs,), math.sqrt(2)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        entries = self.weight[0].numel()
        variance, mean = torch.var_mean(self.weight, (1, 2, 3), correction=0, keepdim=True)
        scale = self.gain[:, None, None, None] * (entries * variance + 1e-12).rsqrt()
        return nn.functional.conv2d(x, (self.weight - mean) * scale, self.bias, padding=1)


class LpNorm(nn.Module):
    """BatchNorm with another measure of scale: γ·(x − E x)/‖x‖ₚ + b, the norm taken before the
    shift.

    Per channel, over images and positions, ‖x‖ₚ = (E|x|ᵖ)^(1/p), and the maximum for p = ∞
    (Santurkar et al. 2018, appendix: normalization "by the average of their ℓp-norm"). In
    evaluation running averages stand for both, as in BatchNorm.
    """

    running_mean: torch.Tensor
    running_scale: torch.Tensor
    MOMENTUM = 0.1

    def __init__(self, channels: int, p: float):
        super().__init__()
        self.p = p
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_scale", torch.ones(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean, scale = self.running_mean, self.running_scale
        if self.training:
            mean, scale = x.mean((0, 2, 3)), self._norm(x)
            self.running_mean.lerp_(mean.detach(), self.MOMENTUM)
            self.running_scale.lerp_(scale.detach(), self.MOMENTUM)
        factor = self.weight / scale.clamp_min(EPSILON)
        return x * factor[:, None, None] + (self.bias - mean * factor)[:, None, None]

    def _norm(self, x: torch.Tensor) -> torch.Tensor:
        if self.p == math.inf:
            return x.abs().amax((0, 2, 3))
        if self.p == 1:
            return x.abs().mean((0, 2, 3))
        return x.abs().pow(self.p).mean((0, 2, 3)).pow(1 / self.p)


@dataclass(frozen=True)
class Kind:
    """What makes a normalization: the layer after a convolution (None: none), the convolution."""

    after: Callable[[int], nn.Module | None]
    convolution: type[nn.Conv2d] = nn.Conv2d


def _nothing(channels: int) -> None:
    return None


KINDS: dict[Normalization | Control, Kind] = {
    **{kind: Kind(partial(normalize, kind)) for kind in get_args(Normalization)},
    "batch_noise": Kind(NoisyBatchNorm),
    "batch_frozen": Kind(FrozenNorm),
    "l1": Kind(lambda channels: LpNorm(channels, 1)),
    "l2": Kind(lambda channels: LpNorm(channels, 2)),
    "linf": Kind(lambda channels: LpNorm(channels, math.inf)),
    "initial": Kind(_nothing, UnitConv2d),
    "weight": Kind(_nothing, StandardizedConv2d),
}
REMOVES_SCALE = (nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d, LpNorm)
FITTED = (FrozenNorm, UnitConv2d)  # layers that are computed from data


def fit(layers: nn.Sequential, sample: torch.Tensor) -> None:
    """Show each layer that is computed from data what the layers before it make of the sample."""
    if not any(isinstance(layer, FITTED) for layer in layers):
        return
    with torch.no_grad():
        for layer in layers:
            if isinstance(layer, FITTED):
                layer.fit(sample)
            sample = layer(sample)


def seed_noise(model: nn.Module, drawn: torch.Generator) -> None:
    """Give each noisy layer a seed of its own."""
    for module in model.modules():
        if isinstance(module, NoisyBatchNorm):
            module.seed.copy_(torch.randint(2**31, (), generator=drawn))


def scale_free_layers(model: nn.Module) -> dict[str, tuple[str, ...]]:
    """The layers whose parameters w may be scaled without changing the function, L(cw) = L(w), and
    the names of those parameters.

    What a normalization follows that divides by what w scales: weight and bias together; of
    standardized weights the weight alone.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, layer, following in _successions(model):
        if isinstance(layer, StandardizedConv2d):
            found[name] = (f"{name}.weight",)
        elif isinstance(following, REMOVES_SCALE):
            found[name] = tuple(f"{name}.{part}" for part, _ in layer.named_parameters())
    return found


def _successions(model: nn.Module) -> Iterator[tuple[str, nn.Module, nn.Module | None]]:
    """Each convolution and linear layer of a sequence, by name, with the layer that follows it."""
    for prefix, sequence in model.named_modules():
        if isinstance(sequence, nn.Sequential):
            layers = list(sequence.named_children())
            for (name, layer), (_, following) in zip(
                layers, [*layers[1:], ("", None)], strict=True
            ):
                if isinstance(layer, nn.Conv2d | nn.Linear):
                    yield f"{prefix}.{name}".lstrip("."), layer, following
