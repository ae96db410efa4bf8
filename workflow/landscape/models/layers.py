"""Layers that the networks share."""

import math

import torch
from torch import nn

from landscape.config.architectures import Activation, Normalization

ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}


def activate(kind: Activation) -> nn.Module:
    return ACTIVATIONS[kind]()


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
            return BatchNorm(channels)
        case "layer":
            return nn.GroupNorm(1, channels)
        case "group":
            return nn.GroupNorm(math.gcd(channels, max(1, channels // 16)), channels)
        case "instance":
            return nn.InstanceNorm2d(channels, affine=True)


class BatchNorm(nn.BatchNorm2d):
    """torch's BatchNorm2d without its count of batches, which nothing reads: it stays 0.

    Counting is a kernel for each layer and step, as costly on a GPU as a small layer's own.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert self.momentum is not None
        return nn.functional.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.scale(),
            self.bias,
            self.training,
            self.momentum,
            self.eps,
        )

    def scale(self) -> torch.Tensor:
        return self.weight


def scaled(channels: int, width: float) -> int:
    return max(1, round(channels * width))


class ConvNorm(nn.Sequential):
    """A convolution and its normalization; the bias is the normalization's, if there is one."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        groups: int = 1,
        normalization: Normalization = "batch",
    ):
        norm = normalize(normalization, outputs)
        conv = nn.Conv2d(
            inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=norm is None
        )
        super().__init__(conv, *([] if norm is None else [norm]))


class SqueezeExcitation(nn.Module):
    """Channels weighted by the whole image: x · σ(W₂ relu(W₁ mean x)) (Hu et al. 2018)."""

    def __init__(self, channels: int, hidden: int):
        super().__init__()
        self.squeeze = nn.Conv2d(channels, hidden, 1)
        self.excite = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        squeezed = self.squeeze(x.mean((2, 3), keepdim=True)).relu()
        weights: torch.Tensor = self.excite(squeezed).sigmoid()
        return x * weights


class Whitening(nn.Module):
    """A fixed first convolution whose outputs are uncorrelated and of mean square one.

    The filters are the eigenvectors of the second moments E[xxᵀ] of k×k patches x (means are not
    subtracted), divided by the root of their eigenvalues; each comes with its negative, so that a
    rectifier loses nothing (Page 2019, Jordan 2024). `fit` computes them from training images; only
    the bias is learned.
    """

    filters: torch.Tensor
    SMALLEST = 5e-4  # added to eigenvalues: what JPEG and the sensor leave there is noise

    def __init__(self, kernel: int = 2, channels: int = 3, padding: int = 0):
        super().__init__()
        size = channels * kernel * kernel
        self.kernel, self.padding, self.outputs = kernel, padding, 2 * size
        self.register_buffer("filters", torch.zeros(2 * size, channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(2 * size))

    def fit(self, sample: torch.Tensor) -> None:
        patches = nn.functional.unfold(sample, self.kernel).transpose(1, 2).flatten(0, 1)
        covariance = (patches.T @ patches).double() / len(patches)
        values, vectors = torch.linalg.eigh(covariance)
        # An eigenvector's sign is arbitrary; this one is the same on every machine.
        signs = vectors.gather(0, vectors.abs().argmax(0, keepdim=True)).sign()
        scaled_vectors = (vectors * signs / (values + self.SMALLEST).sqrt()).T.flip(0)
        filters = scaled_vectors.reshape(-1, *self.filters.shape[1:])
        self.filters.copy_(torch.cat([filters, -filters]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.conv2d(
            x, self.filters.to(x.dtype), self.bias.to(x.dtype), padding=self.padding
        )


class Scaled(nn.Module):
    """Logits times a constant: a smaller step of the last layer against all others."""

    def __init__(self, factor: float):
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.factor


class Residual(nn.Module):
    """x + f(x) (He et al. 2016); where shapes differ, x is pooled and projected by 1×1.

    Pooling rounds odd sides up, as a convolution with this stride does.
    """

    def __init__(self, inner: nn.Module, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        self.inner = inner
        self.shortcut = nn.Sequential()
        if stride > 1:
            self.shortcut.append(nn.AvgPool2d(stride, ceil_mode=True))
        if inputs != outputs:
            self.shortcut.append(ConvNorm(inputs, outputs, kernel=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        total: torch.Tensor = self.shortcut(x) + self.inner(x)
        return total


class ShiftNorm(BatchNorm):
    """BatchNorm with a learned shift and no scale, which remembers only the last few batches.

    For short trainings: the running averages forget by `momentum` a batch, by default by 0.4, and
    the scale, which the next layer could take over, is fixed at one. (It is there, because on CUDA
    torch's backward pass fails with a shift and no scale.)
    """

    ones: torch.Tensor

    def __init__(self, channels: int, momentum: float = 0.4):
        super().__init__(channels, eps=1e-5, momentum=momentum)
        self.register_parameter("weight", None)
        self.register_buffer("ones", torch.ones(channels), persistent=False)

    def scale(self) -> torch.Tensor:
        return self.ones
