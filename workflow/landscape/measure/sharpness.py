"""Sharpness: how curved the loss is where it is most curved, and along the gradient."""

import torch
from torch import nn

from landscape.measure.gradient import Loss
from landscape.measure.hessian import Hessian
from landscape.measure.lanczos import extremes
from landscape.models.flat_parameters import FlatParameters

LARGEST = 5  # eigenvalues from the top


def sharpness(hessian: Hessian, start: torch.Tensor, tolerance: float = 0.01) -> dict[str, float]:
    """`lambda_1` … `lambda_5` descending, `lambda_min`, their `residual`, and `kappa` = gᵀHg/‖g‖².

    κ is a Rayleigh quotient of H, so never above λ₁. `start` [P] begins the Krylov space. Gradient
    descent with step η is stable along an eigenvector while λ < 2/η.
    """
    found = extremes(hessian, start, LARGEST, 1, tolerance)
    values = {f"lambda_{k}": value for k, value in enumerate(found.largest, start=1)}
    return {
        **values,
        "lambda_min": found.smallest[0],
        "residual": found.residual,
        "kappa": curvature_along(hessian, hessian.gradient),
    }


def curvature_along(hessian: Hessian, direction: torch.Tensor) -> float:
    """dᵀHd/‖d‖²; NaN of a direction of length 0."""
    d, curved = direction.double(), hessian(direction).double()
    return float(torch.dot(d, curved) / torch.dot(d, d))


def batch_sharpness(
    model: nn.Module,
    flat: FlatParameters,
    batches: list[tuple[torch.Tensor, torch.Tensor]],
    loss_function: Loss,
) -> float:
    """The mean over mini-batches B of g_BᵀH_Bg_B/‖g_B‖², what a step on B meets.

    Where gradient descent on the whole data holds λ₁ at 2/η, stochastic descent holds this there
    (Andreyev & Beneventano 2024).
    """
    along = []
    for inputs, labels in batches:
        hessian = Hessian(model, flat, inputs, labels, loss_function)
        along.append(curvature_along(hessian, hessian.gradient))
    return sum(along) / len(along)
