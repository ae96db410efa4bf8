"""Effective β-smoothness: how fast the gradient changes per distance moved."""

import torch


def effective_beta(gradient_distance: torch.Tensor, moved: torch.Tensor) -> torch.Tensor:
    """β = ‖g(θ′) − g(θ)‖ / ‖θ′ − θ‖ (Santurkar et al. 2018, section 3.2).

    A lower bound of the gradient's Lipschitz constant; on a quadratic loss ½θᵀHθ moved along an
    eigenvector of H it is that eigenvalue's magnitude. Both distances must belong to the same pair
    of points. Where nothing moved there is no β: the result is NaN (0/0), never infinite.
    """
    return torch.where(moved > 0, gradient_distance / moved, torch.nan)
