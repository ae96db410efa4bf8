"""The landscape along the negative gradient, from where the model stands."""

from collections.abc import Sequence

import torch
from torch import nn

from landscape.measure.beta import effective_beta
from landscape.measure.curvature import curvature, smooth_and_rest
from landscape.measure.distance import cosine, distance, norm
from landscape.measure.gradient import Loss, loss_and_gradient
from landscape.measure.hessian import hessian_vector_product
from landscape.measure.kinks import flips, watched
from landscape.models.flat_parameters import FlatParameters

ORIGIN = ("loss_at_origin", "gradient_norm", "parameter_norm", "kappa", "hg_over_g")
THERE = (  # what depends on the step size
    "loss",
    "gradient_norm_there",
    "gradient_distance",
    "gradient_cosine",
    "beta",
    "smooth_distance",
    "rest_distance",
    "relu_flips",
    "pool_flips",
)
COLUMNS = (*ORIGIN, *THERE)


def probe(
    model: nn.Module,
    flat: FlatParameters,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    loss_function: Loss,
    step_sizes: Sequence[float],
) -> torch.Tensor:
    """A row of `COLUMNS` for each step size η, all on the one mini-batch: float64 [sizes, columns].

    With g = ∇L(θ), H = ∇²L(θ) and g′ = ∇L(θ − ηg), of all parameters, whatever optimizer moves the
    model. At the origin: L(θ), ‖g‖, ‖θ‖, κ = gᵀHg/‖g‖², ‖Hg‖/‖g‖. There: L(θ − ηg), ‖g′‖, ‖g′ − g‖,
    cos(g′, g) and β(η) = ‖g′ − g‖/‖ηg‖ (Santurkar et al. 2018, section 3.2 and figure 4); the two
    parts of the gradient's change, ‖ηHg‖ and ‖g′ − g + ηHg‖; and the shares of ReLU signs and of
    max-pool winners that differ from those at the origin.

    Nothing changes: points are evaluated on copies of the parameters and the buffers, so that
    BatchNorm uses this batch's statistics, as in training, and its running ones stay as they are.
    """
    origin, batch = flat.vector.detach(), (inputs, labels, loss_function)
    with watched(model) as here:
        loss, gradient = loss_and_gradient(model, flat, origin, *batch)
    product = hessian_vector_product(model, flat, *batch, gradient)
    fixed = [loss, norm(gradient), norm(origin), *curvature(gradient, product)]
    rows = []
    for step_size in step_sizes:
        point = origin - step_size * gradient
        with watched(model) as there:
            loss_there, turned = loss_and_gradient(model, flat, point, *batch)
        apart = distance(turned, gradient)
        # The distance really moved: in float32 a tiny ηg is partly rounded away.
        beta = effective_beta(apart, distance(point, origin))
        values = [
            *fixed,
            loss_there,
            norm(turned),
            apart,
            cosine(turned, gradient),
            beta,
            *smooth_and_rest(turned, gradient, product, step_size),
            *flips(here, there),
        ]
        rows.append(torch.stack([value.double() for value in values]))
    return torch.stack(rows)
