"""Theorem 4.1: never violated, an identity but for ε, and the loss's own gradients behind it."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from landscape.config.architectures import Vgg
from landscape.measure.gradient_bound import gradient_bound
from landscape.models import registry as models
from landscape.models.flat_parameters import FlatParameters
from support.curved import batch, random, tiny


@pytest.mark.parametrize("seed", range(5))
def test_it_is_an_identity_up_to_epsilon_and_never_violated(seed):
    model = models.build(Vgg(name="vgg_a_bn", width=0.05), seed).double().train()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.copy_(random(module.num_features, seed=seed) + 1)
                module.bias.copy_(random(module.num_features, seed=seed + 1))
    inputs = random(32, 3, 32, 32, seed=seed)
    labels = torch.arange(32) % 10
    found = gradient_bound(model, FlatParameters(model), inputs, labels, cross_entropy)
    assert len(found) == 8
    for sides in found.values():
        there = sides["right"] > 1e-20  # a channel that no gradient reaches has none on either side
        ratio = (sides["left"] / sides["right"])[there]
        assert there.any()
        assert (ratio <= 1 + 1e-10).all()
        assert (ratio >= 1 - 1e-4).all()


def test_a_large_epsilon_leaves_room_and_the_bound_holds():
    model, (inputs, labels) = tiny(), batch()
    model[1].eps = 0.5
    (sides,) = gradient_bound(model, FlatParameters(model), inputs, labels, cross_entropy).values()
    assert (sides["left"] <= sides["right"]).all()
    assert (sides["left"] / sides["right"]).min() < 0.999


def test_both_sides_equal_their_naive_twin():
    model, (inputs, labels) = tiny(), batch()
    (sides,) = gradient_bound(model, FlatParameters(model), inputs, labels, cross_entropy).values()
    y = model[0](inputs).detach().requires_grad_()
    z = model[1](y)
    z.retain_grad()
    cross_entropy(model[2:](z), labels).backward()
    for channel in range(4):
        values, gradient = y[:, channel].flatten().detach(), z.grad[:, channel].flatten()
        deviation = (values.var(correction=0) + model[1].eps).sqrt()
        normal = (values - values.mean()) / deviation
        count = len(values)
        bound = gradient @ gradient - gradient.sum() ** 2 / count - (gradient @ normal) ** 2 / count
        factor = float(model[1].weight[channel].detach() / deviation) ** 2
        assert float(sides["right"][channel]) == pytest.approx(factor * float(bound), rel=1e-9)
        left = float(y.grad[:, channel].square().sum())
        assert float(sides["left"][channel]) == pytest.approx(left, rel=1e-9)
        assert float(sides["amplification"][channel]) == pytest.approx(factor, rel=1e-9)


def test_a_network_without_batchnorm_has_none():
    model, (inputs, labels) = tiny(nn.Identity), batch()
    assert gradient_bound(model, FlatParameters(model), inputs, labels, cross_entropy) == {}
