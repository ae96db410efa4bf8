"""The noise of mini-batch gradients, where it is known."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from landscape.measure.gradient_noise import gradient_noise
from support.curved import batch, random, tiny


def test_it_is_the_variance_that_the_gradients_were_drawn_with():
    signal = random(2000, seed=50)
    found = gradient_noise(signal + 0.5 * random(2000, seed=seed) for seed in range(16))
    assert found["gradient_variance"] == pytest.approx(0.25 * 2000, rel=0.05)
    assert found["mean_gradient_square"] == pytest.approx(float(signal @ signal), rel=0.05)
    assert found["noise_scale"] == pytest.approx(0.25 * 2000 / float(signal @ signal), rel=0.1)


def gradients(count):
    model = tiny()
    for seed in range(count):
        inputs, labels = batch(seed)
        pieces = torch.autograd.grad(cross_entropy(model(inputs), labels), model.parameters())
        yield torch.cat([piece.flatten() for piece in pieces])


def test_it_equals_its_naive_twin_and_repeats_bitwise():
    found = gradient_noise(gradients(5))
    rows = torch.stack(list(gradients(5)))
    variance = float(rows.var(0, correction=1).sum())
    square = float(rows.mean(0).square().sum()) - variance / 5
    assert found["gradient_variance"] == pytest.approx(variance, rel=1e-9)
    assert found["mean_gradient_square"] == pytest.approx(square, rel=1e-9)
    assert found["noise_scale"] == pytest.approx(variance / square, rel=1e-9)
    assert gradient_noise(rows) == found


def test_equal_batches_have_no_noise_and_noise_alone_no_scale():
    (gradient,) = gradients(1)
    assert gradient_noise([gradient] * 4)["noise_scale"] == pytest.approx(0, abs=1e-9)
    found = gradient_noise([gradient, -gradient])
    assert found["mean_gradient_square"] < 0
    assert math.isnan(found["noise_scale"])
