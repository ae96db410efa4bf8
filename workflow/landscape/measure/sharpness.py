"""Sharpness: the largest curvature of the loss, and the curvature along the gradient."""

import torch
from torch import nn

from landscape.measure.gradient import Loss
from landscape.measure.hessian import Hessian
from landscape.measure.lanczos import extremes
from landscape.models.flat_parameters import FlatParameters

LARGEST = 5  # largest eigenvalues


def sharpness(
    hessian: Hessian, start: torch.Tensor, more: bool = False, tolerance: float = 0.01
) -> dict[str, float]:
    """`lambda_1`, the largest eigenvalue, and its `residual`; with `more` also `lambda_2` …
    `lambda_5`, descending, and `lambda_min`, and the largest residual of them all.

    `start` [P] begins the Krylov space. Gradient descent with step η is stable along an eigenvector
    while λ < 2/η.
    """
    found = extremes(hessian, start, *((LARGEST, 1) if more else (1, 0)), tolerance)
    values = {f"lambda_{k}": value for k, value in enumerate(found.largest, start=1)}
    if more:
        values["lambda_min"] = found.smallest[0]
    return {**values, "residual": found.residual}


def curvature_along(hessian: Hessian, direction: torch.Tensor) -> float:
    """dᵀHd/‖d‖², a Rayleigh quotient of H and so at most λ₁; NaN for a direction of length 0.

    Along the gradient this is κ, the curvature along a step of gradient descent.
    """
    d, curved = direction.double(), hessian(direction).double()
    return float(torch.dot(d, curved) / torch.dot(d, d))


def batch_sharpness(
    model: nn.Module,
    flat: FlatParameters,
    batches: list[tuple[torch.Tensor, torch.Tensor]],
    loss_function: Loss,
) -> tuple[float, list[torch.Tensor]]:
    """The mean over mini-batches B of g_BᵀH_Bg_B/‖g_B‖², the curvature along g_B, and the g_B.

    Gradient descent on the whole data keeps λ₁ at 2/η; stochastic descent keeps this mean there
    (Andreyev & Beneventano 2024).
    """
    along, gradients = [], []
    for inputs, labels in batches:
        hessian = Hessian(model, flat, inputs, labels, loss_function)
        along.append(curvature_along(hessian, hessian.gradient))
        gradients.append(hessian.gradient)
    return sum(along) / len(along), gradients
