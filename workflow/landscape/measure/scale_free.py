"""Scale-free measures: unchanged by any rescaling of weights that leaves the function unchanged.

The parameters w of a convolution before a normalization have no scale: L(cw) = L(w). Their gradient
is therefore orthogonal to w and scales as 1/c, and their Hessian as 1/c². The measures here are in
units of ‖w‖.
"""

import math
from collections.abc import Sequence

import torch
from torch import nn

from landscape.measure.gradient import Loss, loss_and_gradient
from landscape.measure.hessian import Hessian, Product
from landscape.measure.lanczos import extremes
from landscape.models.flat_parameters import FlatParameters
from landscape.models.normalization import scale_free_layers

Values = dict[str, float]


def blocks(
    model: nn.Module, flat: FlatParameters, gradient: torch.Tensor, learning_rate: float
) -> dict[str, Values]:
    """Per scale-free layer with parameters w and gradient g, from `gradient` ∇L [P]; empty without
    normalizations.

    `weight_norm` ‖w‖, `gradient_norm` ‖g‖, `cos_g_w`; of a step −ηg `angular_update`, the angle in
    radians by which w turns, and `effective_lr` = η/‖w‖².
    """
    weights, gradients = flat.views(flat.vector), flat.views(gradient)
    found = {}
    for layer, names in scale_free_layers(model).items():
        w, g = (_entries(views, names) for views in (weights, gradients))
        norm, slope = float(w.norm()), float(g.norm())
        found[layer] = {
            "weight_norm": norm,
            "gradient_norm": slope,
            "cos_g_w": float(torch.dot(g, w)) / (slope * norm) if slope else math.nan,
            "angular_update": _angle(w, w - learning_rate * g),
            "effective_lr": learning_rate / norm**2,
        }
    return found


def block_sharpness(
    model: nn.Module,
    flat: FlatParameters,
    hessian: Hessian,
    generator: torch.Generator,
    tolerance: float = 0.01,
) -> dict[str, Values]:
    """Per scale-free layer `lambda`, λ_max(H_ww), and `lambda_times_norm2`, λ‖w‖²."""
    weights = flat.views(flat.vector)
    found = {}
    for layer, names in scale_free_layers(model).items():
        w = _entries(weights, names)
        start = torch.randn(len(w), generator=generator).to(flat.vector)
        curved = extremes(hessian.block(names), start, tolerance=tolerance).largest[0]
        found[layer] = {"lambda": curved, "lambda_times_norm2": curved * float(w.norm()) ** 2}
    return found


def metric(model: nn.Module, flat: FlatParameters) -> torch.Tensor:
    """D [P]: ‖w‖ at the parameters of a scale-free layer, 1 at every other one.

    In the coordinates θ/D, whose gradient is D∇L and whose Hessian is DHD, no layer has a scale.
    """
    units = torch.ones_like(flat.vector)
    views, weights = flat.views(units), flat.views(flat.vector)
    for names in scale_free_layers(model).values():
        for name in names:
            views[name].fill_(float(_entries(weights, names).norm()))
    return units


def in_units(product: Product, units: torch.Tensor) -> Product:
    """v → DHDv, the Hessian in the coordinates θ/D."""
    return lambda vector: units * product(units * vector)


def scale_free_beta(
    model: nn.Module,
    flat: FlatParameters,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    loss_function: Loss,
    step_sizes: Sequence[float],
) -> list[float]:
    """β(η) = ‖D∇L(θ − ηD²g) − Dg‖ / (η‖Dg‖) for each η: the effective β of the probe, with its
    steps, distances and gradients in the coordinates θ/D.
    """
    origin, units = flat.vector.detach(), metric(model, flat)
    _, g = loss_and_gradient(model, flat, origin, inputs, labels, loss_function)
    scaled = (units * g).double()
    found = []
    for step_size in step_sizes:
        point = origin - step_size * units**2 * g
        _, there = loss_and_gradient(model, flat, point, inputs, labels, loss_function)
        apart = (units * there).double() - scaled
        found.append(float(apart.norm() / (step_size * scaled.norm())))
    return found


def _entries(views: dict[str, torch.Tensor], names: Sequence[str]) -> torch.Tensor:
    """All entries of these parameters as one vector, in float64."""
    return torch.cat([views[name].detach().double().reshape(-1) for name in names])


def _angle(a: torch.Tensor, b: torch.Tensor) -> float:
    """The angle between two vectors, accurate for small angles, unlike the cosine."""
    a, b = a / a.norm(), b / b.norm()
    return 2 * math.asin(min(1.0, float((a - b).norm()) / 2))
