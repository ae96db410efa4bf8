"""The signal through layers against what is seen by hand, and against mean-field theory."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from landscape.measure.signal import signal
from landscape.models.flat_parameters import FlatParameters
from support.curved import batch, tiny

WIDTH, IMAGES = 400, 200


def test_it_equals_what_is_seen_by_hand():
    model, (inputs, labels) = tiny(), batch()
    found = signal(model, FlatParameters(model), inputs, labels, cross_entropy)
    assert list(found) == ["0", "5"]
    features = model[:3](inputs).detach().requires_grad_()
    cross_entropy(model[3:](features), labels).backward()
    values = found["0"]
    assert values["activation_mean"] == pytest.approx(float(features.detach().mean()))
    assert values["activation_variance"] == pytest.approx(
        float(features.detach().var(correction=0))
    )
    assert values["gradient_square"] == pytest.approx(float(features.grad.square().mean()))
    singular = torch.linalg.svdvals(features.detach().flatten(1))
    assert values["stable_rank"] == pytest.approx(float((singular**2).sum() / singular[0] ** 2))


def deep(depth, normalized, seed):
    """A multilayer perceptron with He's weights, with or without BatchNorm before each ReLU."""
    generator = torch.Generator().manual_seed(seed)
    layers = []
    for _ in range(depth):
        linear = nn.Linear(WIDTH, WIDTH, bias=False)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu", generator=generator)
        layers += [linear, *([nn.BatchNorm1d(WIDTH)] if normalized else []), nn.ReLU()]
    head = nn.Linear(WIDTH, 10)
    nn.init.normal_(head.weight, std=WIDTH**-0.5, generator=generator)
    inputs = torch.randn(IMAGES, WIDTH, generator=generator)
    return nn.Sequential(*layers, head).train(), inputs


@pytest.mark.parametrize(
    ("normalized", "growth"), [(True, math.pi / (math.pi - 1)), (False, 1.0)], ids=["BN", "He"]
)
@pytest.mark.parametrize("depth", [5, 10, 40])
def test_squared_gradients_grow_as_mean_field_theory_says(normalized, growth, depth):
    """By 1.467 a layer with BatchNorm and ReLU (Yang et al. 2019), by 1 with He's weights alone."""
    rates = []
    for seed in range(3):
        model, inputs = deep(depth, normalized, seed)
        labels = torch.arange(IMAGES) % 10
        found = signal(model, FlatParameters(model), inputs, labels, cross_entropy)
        squares = [values["gradient_square"] for values in found.values()]
        assert len(squares) == depth
        rates.append(math.log(squares[0] / squares[-1]) / (depth - 1))
    assert math.exp(np.mean(rates)) == pytest.approx(growth, rel=0.05)
