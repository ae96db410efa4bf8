"""What a rescaling of weights before a normalization does to each measure: exactly what it must."""

import copy
import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from landscape.config.architectures import Vgg
from landscape.measure.gradient import loss_and_gradient
from landscape.measure.hessian import Hessian
from landscape.measure.lanczos import extremes
from landscape.measure.probe import COLUMNS, probe
from landscape.measure.scale_free import (
    block_sharpness,
    blocks,
    in_units,
    metric,
    scale_free_beta,
)
from landscape.models import registry as models
from landscape.models.flat_parameters import FlatParameters
from landscape.models.normalization import scale_free_layers
from support.curved import random

NETWORKS = ["vgg_a_bn", "vgg_a_ln", "vgg_a_l2", "vgg_a_ws"]
RATE = 0.1
LABELS = torch.arange(8) % 10


def network(name):
    """In float64, without the ε that breaks the invariance by a millionth."""
    model = models.build(Vgg(name=name, width=0.05), seed=0).double().train()
    for module in model.modules():
        if hasattr(module, "eps"):
            module.eps = 1e-30
    return model


def inputs():
    return random(8, 3, 32, 32, seed=5)


def rescaled(model, seed=0):
    """A copy whose scale-free layers are multiplied by factors from 0.3 to 3, and the factors."""
    twin = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    factors = {}
    for layer, names in scale_free_layers(model).items():
        factors[layer] = 0.3 * 10 ** float(torch.rand((), generator=generator))
        with torch.no_grad():
            for name in names:
                twin.get_parameter(name).mul_(factors[layer])
    return twin, factors


def measured(model, tolerance=1e-5):
    flat = FlatParameters(model)
    hessian = Hessian(model, flat, inputs(), LABELS, cross_entropy)
    generator = torch.Generator().manual_seed(1)
    found = blocks(model, flat, hessian.gradient, RATE)
    curved = block_sharpness(model, flat, hessian, generator, tolerance)
    found = {layer: values | curved[layer] for layer, values in found.items()}
    whole = in_units(hessian, metric(model, flat))
    scaled = extremes(whole, random(len(flat.vector)), tolerance=tolerance).largest[0]
    betas = scale_free_beta(model, flat, inputs(), LABELS, cross_entropy, [0.001, 0.1])
    return hessian.loss.item(), found, scaled, betas


def test_random_factors_per_layer_change_what_has_a_scale_and_nothing_else():
    model = network("vgg_a_bn")
    twin, factors = rescaled(model)
    (loss, before, scaled, betas), (other, after, rescaled_lambda, rescaled_betas) = (
        measured(model),
        measured(twin),
    )
    assert other == pytest.approx(loss, rel=1e-12)
    assert list(before) == list(after) == list(scale_free_layers(model))
    for layer, factor in factors.items():
        old, new = before[layer], after[layer]
        assert new["weight_norm"] == pytest.approx(factor * old["weight_norm"], rel=1e-12)
        assert new["gradient_norm"] == pytest.approx(old["gradient_norm"] / factor, rel=1e-5)
        assert new["lambda"] == pytest.approx(old["lambda"] / factor**2, rel=1e-5)
        assert new["lambda_times_norm2"] == pytest.approx(old["lambda_times_norm2"], rel=1e-5)
        assert new["effective_lr"] == pytest.approx(old["effective_lr"] / factor**2, rel=1e-12)
        assert abs(old["cos_g_w"]) < 1e-6
        assert abs(new["cos_g_w"]) < 1e-6
    assert rescaled_lambda == pytest.approx(scaled, rel=1e-5)
    assert rescaled_betas == pytest.approx(betas, rel=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_probe_in_these_coordinates_sees_no_scale(name):
    model = network(name)
    twin, _ = rescaled(model)
    betas = [
        scale_free_beta(one, FlatParameters(one), inputs(), LABELS, cross_entropy, [0.001, 0.1])
        for one in (model, twin)
    ]
    assert betas[1] == pytest.approx(betas[0], rel=1e-5)


@pytest.mark.parametrize("factor", [0.5, 4.0])
def test_a_block_s_beta_at_the_squared_step_falls_with_the_squared_factor(factor):
    """β(c²η; cθ) · c² = β(η; θ) for the parameters of one scale-free layer."""
    model = network("vgg_a_bn")
    for names in scale_free_layers(model).values():
        twin = copy.deepcopy(model)
        with torch.no_grad():
            for name in names:
                twin.get_parameter(name).mul_(factor)
        before = block_beta(model, names, RATE)
        after = block_beta(twin, names, factor**2 * RATE)
        assert after * factor**2 == pytest.approx(before, rel=1e-8)
        assert block_beta(twin, names, RATE) * factor**2 != pytest.approx(before, rel=1e-3)


def block_beta(model, names, step_size):
    """‖g′ − g‖/‖ηg‖ of these parameters, where they alone take the step."""
    flat = FlatParameters(model)
    _, gradient = loss_and_gradient(model, flat, flat.vector, inputs(), LABELS, cross_entropy)
    alone = torch.zeros_like(gradient)
    for name in names:
        flat.views(alone)[name].copy_(flat.views(gradient)[name])
    point = flat.vector - step_size * alone
    _, there = loss_and_gradient(model, flat, point, inputs(), LABELS, cross_entropy)
    apart = [flat.views(there)[name] - flat.views(gradient)[name] for name in names]
    length = torch.cat([piece.reshape(-1) for piece in apart]).norm()
    return float(length / (step_size * alone.norm()))


def test_raw_measures_are_not_invariant():
    """The control: λ of the whole network changes, and β·‖θ‖² too, under one factor for all
    convolutions even, since the other parameters have a scale.
    """
    model = network("vgg_a_bn")
    twin, _ = rescaled(model)
    found = []
    for one in (model, twin):
        flat = FlatParameters(one)
        hessian = Hessian(one, flat, inputs(), LABELS, cross_entropy)
        found.append(extremes(hessian, random(len(flat.vector))).largest[0])
    assert abs(found[0] / found[1] - 1) > 0.1
    products = []
    for factor in (0.5, 1.0, 2.0, 4.0):
        scaled = copy.deepcopy(model)
        with torch.no_grad():
            for names in scale_free_layers(model).values():
                for name in names:
                    scaled.get_parameter(name).mul_(factor)
        products.append(beta_times_square(scaled))
    assert max(products) > 2 * min(products)


def beta_times_square(model):
    flat = FlatParameters(model)
    (row,) = probe(model, flat, inputs(), LABELS, cross_entropy, [RATE])
    return float(row[COLUMNS.index("beta")]) * float(flat.vector.norm()) ** 2


@pytest.mark.parametrize("name", NETWORKS)
def test_the_gradient_is_orthogonal_and_the_hessian_takes_w_to_minus_g(name):
    """Euler: L is homogeneous of degree 0 in w, its gradient of degree −1."""
    model = network(name)
    for names in scale_free_layers(model).values():
        with torch.no_grad():  # biases of their own, or they would not be looked at
            for place, parameter in enumerate(names[1:]):
                model.get_parameter(parameter).add_(random(1, seed=place) / 10)
    flat = FlatParameters(model)
    hessian = Hessian(model, flat, inputs(), LABELS, cross_entropy)
    weights, gradients = flat.views(flat.vector), flat.views(hessian.gradient)
    assert len(scale_free_layers(model)) == 8
    for names in scale_free_layers(model).values():
        w, g = (
            torch.cat([views[part].detach().reshape(-1) for part in names])
            for views in (weights, gradients)
        )
        assert abs(float(w @ g)) < 1e-6 * float(w.norm() * g.norm())
        image = hessian.block(names)(w)
        assert (image + g).norm() < 1e-4 * g.norm()


def test_weights_grow_by_the_square_of_the_step():
    """‖w − ηg‖² = ‖w‖² + η²‖g‖², step by step, since g ⊥ w."""
    model = network("vgg_a_bn")
    flat = FlatParameters(model)
    for _ in range(3):
        _, gradient = loss_and_gradient(model, flat, flat.vector, inputs(), LABELS, cross_entropy)
        before = {k: float(v.detach().square().sum()) for k, v in flat.views(flat.vector).items()}
        flat.vector.sub_(RATE * gradient)
        for layer in scale_free_layers(model):
            name = f"{layer}.weight"
            grown = float(flat.views(flat.vector)[name].detach().square().sum()) - before[name]
            square = RATE**2 * float(flat.views(gradient)[name].square().sum())
            assert grown == pytest.approx(square, rel=1e-6)


def test_the_angle_by_which_a_weight_turns():
    """tan of the angle is η‖g‖/‖w‖, since the step is orthogonal."""
    _, found, _, _ = measured(network("vgg_a_bn"), tolerance=0.5)
    for values in found.values():
        tangent = RATE * values["gradient_norm"] / values["weight_norm"]
        assert values["angular_update"] == pytest.approx(math.atan(tangent), rel=1e-6)


def test_beta_of_a_network_without_scale_free_layers_is_the_probe_s():
    model = network("vgg_a")
    flat = FlatParameters(model)
    assert scale_free_layers(model) == {}
    (beta,) = scale_free_beta(model, flat, inputs(), LABELS, cross_entropy, [RATE])
    _, g = loss_and_gradient(model, flat, flat.vector, inputs(), LABELS, cross_entropy)
    _, there = loss_and_gradient(
        model, flat, flat.vector - RATE * g, inputs(), LABELS, cross_entropy
    )
    assert beta == pytest.approx(float((there - g).norm() / (RATE * g.norm())), rel=1e-10)


def test_frozen_and_fitted_networks_have_a_scale():
    for name in ("vgg_a_bn_frozen", "vgg_a_init"):
        assert scale_free_layers(models.build(Vgg(name=name, width=0.05), 0)) == {}
