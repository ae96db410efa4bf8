"""Batch normalization (Ioffe & Szegedy 2015, algorithms 1 and 2)."""

import torch

from landscape.plain.layer import Layer
from landscape.plain.layout import to_images, to_rows


class BatchNorm(Layer):
    """Per channel c of [N, C, H, W], with sums over its m = N·H·W values:

        μ = 1/m Σ x,   σ² = 1/m Σ (x − μ)²,   x̂ = (x − μ) / √(σ² + ε),   y = γ x̂ + β

    Evaluation takes running averages r ← (1 − momentum) r + momentum · (μ, σ² m/(m − 1)) instead:
    the unbiased variance, because they stand for all images and not for this batch.

    Backward, with g = ∂L/∂y. Directly ∂L/∂β = Σ g and ∂L/∂γ = Σ g x̂. Every x also moves μ and σ,
    ∂x̂_j/∂x_i = (δ_ij − 1/m − x̂_i x̂_j / m) / √(σ² + ε), which summed over j with γ g_j gives

        ∂L/∂x = γ / √(σ² + ε) · (g − 1/m Σ g − x̂ · 1/m Σ g x̂)

    that is g without its part along the constants and along x̂: no shift and (but for ε) no
    rescaling of a channel changes y. In evaluation μ and σ are constants: ∂L/∂x = γ g / √(σ² + ε).
    """

    def __init__(self, channels: int, epsilon: float = 1e-5, momentum: float = 0.1):
        super().__init__()
        self.epsilon, self.momentum = epsilon, momentum
        self.parameters["weight"] = torch.ones(channels)  # γ
        self.parameters["bias"] = torch.zeros(channels)  # β
        self.buffers["running_mean"] = torch.zeros(channels)
        self.buffers["running_var"] = torch.ones(channels)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        rows = to_rows(inputs)
        if self.training:
            mean = rows.mean(0)
            centred = rows - mean
            variance = centred.square().mean(0)
            self._average(mean, variance, len(rows))
        else:
            centred = rows - self.buffers["running_mean"]
            variance = self.buffers["running_var"]
        inverse = (variance + self.epsilon).rsqrt()
        normalized = centred.mul_(inverse)
        self._keep(normalized, inverse, inputs.shape, self.training)
        scaled = torch.addcmul(self.parameters["bias"], normalized, self.parameters["weight"])
        return to_images(scaled, inputs.shape)

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        normalized, inverse, shape, of_batch = self._recall()
        rows = to_rows(gradient)
        self.gradients["weight"] = scale = (rows * normalized).sum(0)
        self.gradients["bias"] = shift = rows.sum(0)
        if of_batch:
            rows = (rows - shift / len(rows)).addcmul_(normalized, scale / -len(rows))
        return to_images(rows * (self.parameters["weight"] * inverse), shape)

    def _average(self, mean: torch.Tensor, variance: torch.Tensor, count: int) -> None:
        if count < 2:
            raise ValueError(f"{count} value per channel, must be 2 or more to have a variance")
        unbiased = variance * (count / (count - 1))
        self.buffers["running_mean"].lerp_(mean, self.momentum)
        self.buffers["running_var"].lerp_(unbiased, self.momentum)
