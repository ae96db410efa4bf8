"""The curvature that a step along the gradient meets, and how much of the gradient's change it is.

Where the loss has a second derivative, ∇L(θ − ηg) − g → −ηHg as η → 0, and β(η) → ‖Hg‖/‖g‖. With
ReLU and max pooling it does not: the gradient jumps at every kink that the step crosses, and β(η)
grows as η shrinks until no kink is left on the way.
"""

import torch

from landscape.measure.distance import inner, norm


def curvature(gradient: torch.Tensor, product: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(κ, ‖Hg‖/‖g‖) of g = `gradient` [P] and Hg = `product` [P], κ = gᵀHg/‖g‖².

    κ is the second derivative of the loss along g: gradient descent overshoots where κ > 2/η.
    |κ| ≤ ‖Hg‖/‖g‖ ≤ the largest magnitude of H's eigenvalues.
    """
    length = norm(gradient)
    return inner(gradient, product) / length**2, norm(product) / length


def smooth_and_rest(
    there: torch.Tensor, gradient: torch.Tensor, product: torch.Tensor, step_size: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """(‖ηHg‖, ‖∇L(θ − ηg) − g + ηHg‖): the change of the gradient that the Hessian foretells, and
    the rest, from kinks and higher derivatives. `there` is ∇L(θ − ηg) [P]; on a quadratic loss the
    rest is zero.
    """
    return step_size * norm(product), norm(there - gradient + step_size * product)
