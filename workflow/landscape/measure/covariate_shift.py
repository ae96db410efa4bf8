"""Internal covariate shift: how a layer's gradient changes when the layers below take a step."""

import torch
from torch import nn

from landscape.measure.gradient import Loss, loss_and_gradient
from landscape.models.flat_parameters import FlatParameters

Values = dict[str, float]


def covariate_shift(
    model: nn.Module,
    flat: FlatParameters,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    loss_function: Loss,
    step_size: float,
) -> dict[str, Values]:
    """Per layer `shift` ‖G − G′‖, `shift_norm` ‖G‖ and `shift_cosine` (definition 2.1 of Santurkar
    et al. 2018).

    G is the gradient of the layer's weights; G′ is the same, on the same batch, after all layers
    below took their step −ηg, while this layer and those above did not. The first layer has none
    below, so its cosine is 1. Layers are convolutions and linear layers in the order of their
    parameters; the normalization of a layer's output is above the layer.
    """
    origin = flat.vector.detach()
    _, gradient = loss_and_gradient(model, flat, origin, inputs, labels, loss_function)
    found = {}
    for name, start in _layers(model, flat):
        point = origin.clone()
        point[:start] -= step_size * gradient[:start]
        _, moved = loss_and_gradient(model, flat, point, inputs, labels, loss_function)
        before = flat.views(gradient)[f"{name}.weight"].double().flatten()
        after = flat.views(moved)[f"{name}.weight"].double().flatten()
        norm = torch.linalg.vector_norm(before)
        cosine = torch.dot(before, after) / (norm * torch.linalg.vector_norm(after))
        found[name] = {
            "shift": float(torch.linalg.vector_norm(before - after)),
            "shift_norm": float(norm),
            "shift_cosine": float(cosine),
        }
    return found


def _layers(model: nn.Module, flat: FlatParameters) -> list[tuple[str, int]]:
    """Each layer's name, and the index in the vector at which its parameters start."""
    return [
        (name, flat.extent(module).start)
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
