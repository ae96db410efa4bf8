"""Gradient noise: how much mini-batch gradients differ from their mean, at fixed weights."""

from collections.abc import Iterable

import torch


def gradient_noise(gradients: Iterable[torch.Tensor]) -> dict[str, float]:
    """`gradient_variance` tr Σ, `mean_gradient_square` ‖∇L‖² and `noise_scale` tr Σ/‖∇L‖².

    From the gradients [P] of n ≥ 2 mini-batches, with unbiased estimates of their covariance Σ and
    of the square of their mean ∇L: tr Σ = Σ‖g_b − ḡ‖²/(n − 1), ‖∇L‖² = ‖ḡ‖² − tr Σ/n. Times the
    batch size, the ratio is the simple noise scale of McCandlish et al. (2018). It is NaN if noise
    hides the mean, so that ‖∇L‖² is not above 0. With BatchNorm each mini-batch has its own
    statistics: ∇L is the gradient of the mean loss over mini-batches of this size, not of the loss
    over all images at once.
    """
    total, squares, count = torch.zeros(()), torch.zeros(()), 0
    for gradient in gradients:
        exact = gradient.double()
        total, squares, count = total + exact, squares + exact.square().sum(), count + 1
    mean_square = (total / count).square().sum()
    variance = float(squares - count * mean_square) / (count - 1)
    true_square = float(mean_square) - variance / count
    return {
        "gradient_variance": variance,
        "mean_gradient_square": true_square,
        "noise_scale": variance / true_square if true_square > 0 else float("nan"),
    }
