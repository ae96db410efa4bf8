"""How much the gradients of mini-batches differ from their mean, at one point."""

import torch
from torch import nn

from landscape.measure.gradient import Loss, loss_and_gradient
from landscape.models.flat_parameters import FlatParameters


def gradient_noise(
    model: nn.Module,
    flat: FlatParameters,
    batches: list[tuple[torch.Tensor, torch.Tensor]],
    loss_function: Loss,
) -> dict[str, float]:
    """`gradient_variance` tr Σ, `mean_gradient_square` ‖∇L‖² and `noise_scale` tr Σ/‖∇L‖².

    Σ is the covariance of a mini-batch's gradient over n ≥ 2 batches, and ∇L the mean gradient,
    both without bias: tr Σ = Σ‖g_b − ḡ‖²/(n − 1), ‖∇L‖² = ‖ḡ‖² − tr Σ/n. Times the batch size, the
    ratio is the simple noise scale of McCandlish et al. (2018). It is NaN where noise hides the
    mean, and ‖∇L‖² is not above 0. With BatchNorm each batch has its own statistics: ∇L is the
    gradient of the loss over batches of this size, not of one over all images at once.
    """
    point = flat.vector.detach()
    total = torch.zeros_like(point, dtype=torch.float64)
    squares = torch.zeros((), dtype=torch.float64, device=point.device)
    for inputs, labels in batches:
        _, gradient = loss_and_gradient(model, flat, point, inputs, labels, loss_function)
        total += gradient
        squares += gradient.double().square().sum()
    count = len(batches)
    mean_square = (total / count).square().sum()
    variance = float(squares - count * mean_square) / (count - 1)
    true_square = float(mean_square) - variance / count
    return {
        "gradient_variance": variance,
        "mean_gradient_square": true_square,
        "noise_scale": variance / true_square if true_square > 0 else float("nan"),
    }
