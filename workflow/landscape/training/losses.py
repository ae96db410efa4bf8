"""Training losses: each is the mean over the batch of a function of the logits."""

from collections.abc import Callable

import torch
from torch import nn

from landscape.config import recipes

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def build(settings: recipes.Loss) -> Loss:
    """(logits [B, C], targets) → scalar; targets are classes [B] or probabilities [B, C]."""
    match settings.name:
        case "cross_entropy":
            smoothing = settings.label_smoothing
            return lambda logits, targets: nn.functional.cross_entropy(
                logits, targets, label_smoothing=smoothing
            )
        case "focal":
            return lambda logits, targets: focal(logits, targets, settings.focusing)
        case "squared_error":
            return squared_error


def focal(logits: torch.Tensor, targets: torch.Tensor, focusing: float) -> torch.Tensor:
    """−Σ_c t_c (1 − p_c)^γ log p_c with p = softmax(logits) (Lin et al. 2017, equation 4).

    γ = `focusing` = 0 is cross-entropy; a larger γ counts what is already right for less.
    """
    log_p = logits.log_softmax(1)
    # Where p rounds to one, 1 − p is the smallest number and not zero: zero to a power γ < 1 has
    # no derivative.
    rest = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).tiny)
    weight = rest**focusing
    return -(one_hot(targets, logits) * weight * log_p).sum(1).mean()


def squared_error(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Σ_c (z_c − t_c)² of the logits z against one-hot targets t (Hui & Belkin 2021).

    The sum over classes, not their mean: with ten classes a tenth of it would need ten times the
    learning rate of the other losses.
    """
    return (logits - one_hot(targets, logits)).square().sum(1).mean()


def one_hot(targets: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Classes [B] as probabilities [B, C] of the logits' kind; probabilities stay what they are."""
    if targets.ndim == 2:
        return targets.to(logits.dtype)
    return nn.functional.one_hot(targets, logits.shape[1]).to(logits.dtype)


def classes(targets: torch.Tensor) -> torch.Tensor:
    """The class [B] that a prediction is compared with: of mixed images, the larger part's."""
    return targets.argmax(1) if targets.ndim == 2 else targets
