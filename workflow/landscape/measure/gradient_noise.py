"""Gradient noise: how much mini-batch gradients differ from their mean, at one point."""

from collections.abc import Iterable

import torch


def gradient_noise(gradients: Iterable[torch.Tensor]) -> dict[str, float]:
    """`gradient_variance` tr Σ, `mean_gradient_square` ‖∇L‖² and `noise_scale` tr Σ/‖∇L‖².

    Of the gradients [P] of n ≥ 2 mini-batches, Σ their covariance and ∇L their mean, both without
    bias: tr Σ = Σ‖g_b − ḡ‖²/(n − 1), ‖∇L‖² = ‖ḡ‖² − tr Σ/n. Times the batch size, the ratio is the
    simple noise scale of McCandlish et al. (2018). It is NaN where noise hides the mean, and ‖∇L‖²
    is not above 0. With BatchNorm each batch has its own statistics: ∇L is the gradient of the loss
    over batches of this size, not of one over all images at once.
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
