"""The landscape along the negative gradient, from where the model stands."""

from collections.abc import Sequence

import torch
from torch import nn

from landscape.measure.beta import effective_beta
from landscape.measure.distance import distance
from landscape.measure.gradient import Loss, loss_and_gradient
from landscape.models.flat_parameters import FlatParameters

COLUMNS = (
    "loss",
    "loss_at_origin",
    "gradient_norm",
    "gradient_distance",
    "gradient_cosine",
    "beta",
    "parameter_norm",
)
THERE = ("loss", "gradient_distance", "gradient_cosine", "beta")  # what depends on the step size


def probe(
    model: nn.Module,
    flat: FlatParameters,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    loss_function: Loss,
    step_sizes: Sequence[float],
) -> torch.Tensor:
    """A row of `COLUMNS` for each step size η, all on the one mini-batch: [step sizes, columns].

    With g = ∇L(θ): L(θ − ηg), L(θ), ‖g‖, ‖∇L(θ − ηg) − g‖, the cosine between the two gradients,
    β(η) = ‖∇L(θ − ηg) − g‖ / ‖ηg‖, ‖θ‖ (Santurkar et al. 2018, section 3.2 and figure 4). The
    gradient is the plain one of all parameters, whatever optimizer moves the model.

    Nothing changes: points are evaluated on copies of the parameters and the buffers, so that
    BatchNorm uses this batch's statistics, as in training, and its running ones stay as they are.
    """
    origin = flat.vector.detach()
    loss, gradient = loss_and_gradient(model, flat, origin, inputs, labels, loss_function)
    norm = torch.linalg.vector_norm(gradient)
    rows = []
    for step_size in step_sizes:
        point = origin - step_size * gradient
        there, turned = loss_and_gradient(model, flat, point, inputs, labels, loss_function)
        apart = distance(turned, gradient)
        cosine = torch.dot(turned, gradient) / (torch.linalg.vector_norm(turned) * norm)
        # The distance really moved: in float32 a tiny ηg is partly rounded away.
        beta = effective_beta(apart, distance(point, origin))
        size = torch.linalg.vector_norm(origin)
        rows.append(torch.stack([there, loss, norm, apart, cosine, beta, size]))
    return torch.stack(rows)
