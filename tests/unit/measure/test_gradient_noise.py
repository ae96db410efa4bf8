"""The noise of mini-batch gradients, where it is known."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from landscape.measure.gradient_noise import gradient_noise
from landscape.models.flat_parameters import FlatParameters
from support.curved import batch, random, tiny


class Pulled(nn.Module):
    """L = −⟨θ, x̄⟩: the gradient of a batch is minus the mean of its inputs, whatever θ."""

    def __init__(self, size):
        super().__init__()
        self.theta = nn.Parameter(torch.zeros(size, dtype=torch.float64))

    def forward(self, inputs):
        return -(inputs @ self.theta)


def mean(logits, labels):
    return logits.mean()


def test_it_is_the_variance_that_the_gradients_were_drawn_with():
    model = Pulled(2000)
    flat = FlatParameters(model)
    signal = random(2000, seed=50)
    batches = [(signal + 0.5 * random(1, 2000, seed=seed), None) for seed in range(16)]
    found = gradient_noise(model, flat, batches, mean)
    assert found["gradient_variance"] == pytest.approx(0.25 * 2000, rel=0.05)
    assert found["mean_gradient_square"] == pytest.approx(float(signal @ signal), rel=0.05)
    assert found["noise_scale"] == pytest.approx(0.25 * 2000 / float(signal @ signal), rel=0.1)


def test_it_equals_its_naive_twin():
    model, batches = tiny(), [batch(seed) for seed in range(5)]
    flat = FlatParameters(model)
    found = gradient_noise(model, flat, batches, cross_entropy)
    rows = []
    for inputs, labels in batches:
        pieces = torch.autograd.grad(cross_entropy(model(inputs), labels), model.parameters())
        rows.append(torch.cat([piece.flatten() for piece in pieces]))
    gradients = torch.stack(rows)
    variance = float(gradients.var(0, correction=1).sum())
    square = float(gradients.mean(0).square().sum()) - variance / 5
    assert found["gradient_variance"] == pytest.approx(variance, rel=1e-9)
    assert found["mean_gradient_square"] == pytest.approx(square, rel=1e-9)
    assert found["noise_scale"] == pytest.approx(variance / square, rel=1e-9)


def test_equal_batches_have_no_noise_and_noise_alone_no_scale():
    model = tiny()
    flat = FlatParameters(model)
    assert gradient_noise(model, flat, [batch()] * 4, cross_entropy)[
        "noise_scale"
    ] == pytest.approx(0, abs=1e-9)
    pulled = Pulled(3)
    apart = [(torch.full((1, 3), float(sign), dtype=torch.float64), None) for sign in (1, -1)]
    found = gradient_noise(pulled, FlatParameters(pulled), apart, mean)
    assert found["mean_gradient_square"] < 0
    assert torch.isnan(torch.tensor(found["noise_scale"]))
