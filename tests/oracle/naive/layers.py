"""The layers that torch does not bring, each by its formula."""

import math

import torch
from torch import nn

from oracle.naive.chance import generator

ACTIVATIONS = {
    "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU, "elu": nn.ELU, "gelu": nn.GELU,
    "silu": nn.SiLU, "tanh": nn.Tanh,
}  # fmt: skip


def normalization(kind, channels):
    """A list: the layer, or nothing."""
    if kind == "none":
        return []
    if kind == "batch":
        return [nn.BatchNorm2d(channels)]
    if kind == "layer":
        return [nn.GroupNorm(1, channels)]
    if kind == "group":  # of 16 channels; where 16 do not divide them, of more
        return [nn.GroupNorm(math.gcd(channels, max(1, channels // 16)), channels)]
    if kind == "instance":
        return [nn.InstanceNorm2d(channels, affine=True)]
    raise ValueError(kind)


class Add(nn.Module):
    """The sum of two branches: a shortcut and what it skips."""

    def __init__(self, inner, shortcut):
        super().__init__()
        self.inner, self.shortcut = nn.Sequential(*inner), nn.Sequential(*shortcut)

    def forward(self, x):
        return self.shortcut(x) + self.inner(x)


class Times(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


class SqueezeExcitation(nn.Module):
    def __init__(self, channels, hidden):
        super().__init__()
        self.squeeze = nn.Conv2d(channels, hidden, 1)
        self.excite = nn.Conv2d(hidden, channels, 1)

    def forward(self, x):
        means = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.excite(torch.relu(self.squeeze(means))))


class ShiftNorm(nn.Module):
    """BatchNorm without a scale."""

    def __init__(self, channels, momentum):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))
        self.momentum = momentum

    def forward(self, x):
        if self.training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            count = x.numel() // x.shape[1]
            with torch.no_grad():
                share = self.momentum
                self.running_mean.mul_(1 - share).add_(share * mean)
                self.running_var.mul_(1 - share).add_(share * var * count / (count - 1))
        else:
            mean, var = self.running_mean, self.running_var
        normal = (x - mean[:, None, None]) / (var[:, None, None] + 1e-5).sqrt()
        return normal + self.bias[:, None, None]


class Whitening(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("filters", torch.zeros(24, 3, 2, 2))
        self.bias = nn.Parameter(torch.zeros(24))

    def forward(self, x):
        return nn.functional.conv2d(x, self.filters, self.bias)

    def fit(self, images):
        """Eigenvectors of the second moments of all 2×2 patches, over the roots of eigenvalues."""
        patches = []
        for row in range(31):
            for column in range(31):
                patches.append(images[:, :, row : row + 2, column : column + 2].flatten(1))
        patches = torch.cat(patches).double()
        values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
        filters = []
        for k in reversed(range(12)):  # the largest eigenvalue first
            vector = vectors[:, k]
            largest = max(range(12), key=lambda entry: abs(float(vector[entry])))
            vector = vector * (1 if vector[largest] > 0 else -1)
            filters.append((vector / math.sqrt(values[k] + 5e-4)).reshape(3, 2, 2))
        self.filters.copy_(torch.stack(filters + [-bank for bank in filters]))


class Noisy(nn.BatchNorm2d):
    """Algorithm 1 of Santurkar et al. 2018, drawn for (seed of the layer, batches seen)."""

    def __init__(self, channels):
        super().__init__(channels)
        self.register_buffer("seed", torch.tensor(0))

    def forward(self, x):
        normal = super().forward(x)
        if not self.training:
            return normal
        source = generator(int(self.seed), "noise", int(self.num_batches_tracked))
        images, channels = x.shape[:2]
        mu = torch.rand(channels, generator=source) - 0.5
        sigma = 1 + 0.25 * torch.rand(channels, generator=source)
        shift = mu + 0.2 * torch.rand(images, channels, generator=source) - 0.1
        scale = sigma + 0.1 * torch.randn(images, channels, generator=source)
        return normal * scale[:, :, None, None] + shift[:, :, None, None]


class Frozen(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))

    def fit(self, x):
        self.mean.copy_(x.mean((0, 2, 3)))
        self.deviation.copy_((x.var((0, 2, 3), correction=0) + 1e-5).sqrt())

    def forward(self, x):
        normal = (x - self.mean[:, None, None]) / self.deviation[:, None, None]
        return self.weight[:, None, None] * normal + self.bias[:, None, None]


class NormalizedOnce(nn.Conv2d):
    def fit(self, x):
        out = self(x)
        deviation = (out.var((0, 2, 3), correction=0) + 1e-5).sqrt()
        self.bias.copy_((self.bias - out.mean((0, 2, 3))) / deviation)
        self.weight.copy_(self.weight / deviation[:, None, None, None])


class Standardized(nn.Conv2d):
    def __init__(self, inputs, outputs, kernel, padding):
        super().__init__(inputs, outputs, kernel, padding=padding)
        self.gain = nn.Parameter(torch.full((outputs,), math.sqrt(2)))

    def forward(self, x):
        w = self.weight
        centred = w - w.mean((1, 2, 3), keepdim=True)
        n = w[0].numel()
        spread = torch.sqrt(n * w.var((1, 2, 3), correction=0, keepdim=True) + 1e-12)
        filters = self.gain[:, None, None, None] * centred / spread
        return nn.functional.conv2d(x, filters, self.bias, padding=1)


class LpNorm(nn.Module):
    """γ (x − E x)/‖x‖ₚ + b, of each channel."""

    def __init__(self, channels, p):
        super().__init__()
        self.p = p
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_scale", torch.ones(channels))

    def forward(self, x):
        if self.training:
            mean = x.mean((0, 2, 3))
            if self.p == math.inf:
                scale = x.abs().amax((0, 2, 3))
            else:
                scale = (x.abs() ** self.p).mean((0, 2, 3)) ** (1 / self.p)
            with torch.no_grad():
                self.running_mean.mul_(0.9).add_(0.1 * mean)
                self.running_scale.mul_(0.9).add_(0.1 * scale)
        else:
            mean, scale = self.running_mean, self.running_scale
        normal = (x - mean[:, None, None]) / scale.clamp(min=1e-5)[:, None, None]
        return self.weight[:, None, None] * normal + self.bias[:, None, None]
