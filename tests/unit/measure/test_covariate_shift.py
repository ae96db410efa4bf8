"""Internal covariate shift against definition 2.1 written out, and its limits."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from landscape.measure.covariate_shift import covariate_shift
from landscape.models.flat_parameters import FlatParameters
from support.curved import batch, tiny

RATE = 0.3


def gradients(model, inputs, labels):
    model.zero_grad()
    cross_entropy(model(inputs), labels).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters()}


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, nn.Identity])
def test_it_equals_the_definition(norm):
    model, (inputs, labels) = tiny(norm), batch()
    twin = copy.deepcopy(model)
    found = covariate_shift(model, FlatParameters(model), inputs, labels, cross_entropy, RATE)
    assert list(found) == ["0", "5", "7"]
    whole = gradients(twin, inputs, labels)
    for layer, values in found.items():
        below = copy.deepcopy(twin)
        with torch.no_grad():
            for name, parameter in below.named_parameters():
                if int(name.split(".")[0]) < int(layer):
                    parameter -= RATE * whole[name]
        before = whole[f"{layer}.weight"].flatten()
        after = gradients(below, inputs, labels)[f"{layer}.weight"].flatten()
        cosine = nn.functional.cosine_similarity(before, after, dim=0)
        assert values["shift"] == pytest.approx(float((before - after).norm()), rel=1e-9, abs=1e-12)
        assert values["shift_norm"] == pytest.approx(float(before.norm()), rel=1e-9)
        assert values["shift_cosine"] == pytest.approx(float(cosine), rel=1e-9)


def test_nothing_lies_below_the_first_layer():
    model, (inputs, labels) = tiny(), batch()
    found = covariate_shift(model, FlatParameters(model), inputs, labels, cross_entropy, RATE)
    assert found["0"]["shift"] == 0
    assert found["0"]["shift_cosine"] == pytest.approx(1, abs=1e-12)
    assert found["7"]["shift_cosine"] < 0.9999


def test_a_step_of_almost_nothing_shifts_nothing():
    model, (inputs, labels) = tiny(), batch()
    flat = FlatParameters(model)
    turned = []
    for rate in (0.1, 0.01, 0.001):
        found = covariate_shift(model, flat, inputs, labels, cross_entropy, rate)
        turned.append(1 - found["7"]["shift_cosine"])
    assert turned[1] < 0.05 * turned[0]  # a small angle's cosine goes with its square
    assert turned[2] < 0.05 * turned[1]
