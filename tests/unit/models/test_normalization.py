"""Normalizations and the controls that share a part of what they do."""

import copy
import math

import pytest
import torch
from torch import nn

from landscape.config.architectures import Vgg
from landscape.models import registry as models
from landscape.models.normalization import (
    KINDS,
    FrozenNorm,
    LpNorm,
    NoisyBatchNorm,
    StandardizedConv2d,
    UnitConv2d,
)
from landscape.models.vgg import DESIGNS, PLAN_A


def images(count=64, seed=0):
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def network(name, sample=None):
    return models.build(Vgg(name=name, width=0.1), seed=0, sample=sample).train()


GLOROT_A = [name for name, design in DESIGNS.items() if not design.he and design.plan == PLAN_A]


@pytest.mark.parametrize("name", GLOROT_A)
def test_every_network_starts_from_the_same_weights(name):
    """Of convolutions and linear layers, whatever stands between them, before data is seen."""
    plain, other = network("vgg_a"), network(name)
    assert DESIGNS[name].normalization in KINDS
    matrices = [p for p in other.parameters() if p.ndim > 1]
    for ours, theirs in zip(matrices, (p for p in plain.parameters() if p.ndim > 1), strict=True):
        assert torch.equal(ours, theirs)


def test_normalized_once_each_channel_has_mean_0_and_variance_1():
    model = network("vgg_a_init", images())
    x = images()
    seen = 0
    for layer in model.features:
        x = layer(x)
        if isinstance(layer, UnitConv2d):
            seen += 1
            varying = x.var((0, 2, 3)) > 1e-3  # a channel may be dead
            assert varying.sum() > 0.9 * len(varying)
            assert x.mean((0, 2, 3)).abs().max() < 1e-3
            torch.testing.assert_close(
                x.var((0, 2, 3), correction=0)[varying],
                torch.ones(int(varying.sum())),
                rtol=0.1,
                atol=0,
            )
    assert seen == 8


@pytest.mark.parametrize("name", ["vgg_a_bn_frozen", "vgg_a_init"])
def test_a_network_computed_from_data_starts_as_batchnorm_s_function(name):
    sample = images()
    ours, theirs = network(name, sample), network("vgg_a_bn", sample)
    torch.testing.assert_close(ours(sample), theirs(sample), rtol=1e-2, atol=1e-3)


def test_frozen_statistics_stay_what_they_were():
    layer = FrozenNorm(4)
    x = torch.randn(8, 4, 3, 3) * 3 + 1
    layer.fit(x)
    before = {name: buffer.clone() for name, buffer in layer.named_buffers()}
    torch.testing.assert_close(layer(x), nn.BatchNorm2d(4)(x), rtol=1e-4, atol=1e-5)
    once, twice = layer(x), layer(2 * x)
    layer.train()(5 * x)
    assert not torch.allclose(once, twice)  # what BatchNorm would have made equal
    assert all(torch.equal(before[name], buffer) for name, buffer in layer.named_buffers())


def test_noise_is_the_algorithm_s_and_a_function_of_the_step():
    layer = NoisyBatchNorm(50)
    layer.seed.fill_(3)
    plain = nn.BatchNorm2d(50)
    x = torch.randn(40, 50, 4, 4)
    twin = copy.deepcopy(layer)
    first, second, again = layer(x), layer(x), twin(x)
    assert torch.equal(first, again)  # from the same buffers the same noise
    assert not torch.allclose(first, second)
    normal = plain(x)
    slope = ((first - first.mean((2, 3), keepdim=True)) * normal).sum((2, 3)) / (
        (normal - normal.mean((2, 3), keepdim=True)) * normal
    ).sum((2, 3))
    shift = first.mean((2, 3)) - slope * normal.mean((2, 3))
    assert shift.abs().max() < 0.6
    assert shift.mean(0).abs().max() > 0.3  # each channel has a shift of its own
    assert 1 <= float(slope.mean().detach()) <= 1.25
    assert float((slope - slope.mean(0)).std().detach()) == pytest.approx(0.1, abs=0.02)
    plain(x)
    layer.eval()
    torch.testing.assert_close(layer(x), plain.eval()(x))


def test_noisy_layers_have_seeds_of_their_own():
    seeds = [int(m.seed) for m in network("vgg_a_bn_noise").modules() if hasattr(m, "seed")]
    assert len(set(seeds)) == 8


@pytest.mark.parametrize("p", [1, 2, math.inf])
def test_lp_norms_divide_by_the_norm_before_the_shift(p):
    layer = LpNorm(3, p)
    x = torch.randn(16, 3, 5, 5) * 2 + 0.5
    flat = x.transpose(0, 1).flatten(1)
    norms = {1: flat.abs().mean(1), 2: flat.square().mean(1).sqrt(), math.inf: flat.abs().amax(1)}
    expected = (flat - flat.mean(1, keepdim=True)) / norms[p][:, None]
    found = layer(x)
    torch.testing.assert_close(found.transpose(0, 1).flatten(1), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(layer(7 * x), found, rtol=1e-4, atol=1e-5)
    for _ in range(200):
        layer(x)
    torch.testing.assert_close(layer.eval()(x), found, rtol=1e-3, atol=1e-3)


def test_standardized_weights_have_neither_scale_nor_shift():
    layer = StandardizedConv2d(4, 6, kernel_size=3, padding=1)
    x = torch.randn(2, 4, 8, 8)
    before = layer(x)
    with torch.no_grad():
        layer.weight.mul_(3).add_(0.7)
    torch.testing.assert_close(layer(x), before, rtol=1e-4, atol=1e-4)
    assert float(before.detach().square().mean()) == pytest.approx(2, rel=0.3)  # √2: He's variance
