"""The trainable range where it is known: gradient descent on a quadratic."""

import pytest
import torch
from torch import nn

from landscape.config.recipes import Optimizer
from landscape.measure.hessian import Hessian
from landscape.measure.lanczos import extremes
from landscape.models.flat_parameters import FlatParameters
from landscape.optimizers import registry as optimizers

EIGENVALUES = torch.tensor([3.0, 1.0, 0.3, 0.01])
START = 1e17  # so far out that a loss which grows soon exceeds float32
HALF_DECADES = [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100]


class Bowl(nn.Module):
    """L = ½ Σ λθ²."""

    def __init__(self):
        super().__init__()
        self.theta = nn.Parameter(torch.full((len(EIGENVALUES),), START))

    def forward(self, inputs):
        return (EIGENVALUES * self.theta.square()).sum() / 2


def identity(logits, labels):
    return logits


def diverges(rate, steps=300):
    """Whether the loss leaves the numbers that there are: by this a run is called diverged."""
    model = Bowl()
    optimizer = optimizers.build(Optimizer(name="sgd"), model, rate)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = model(None)
        if not loss.isfinite():
            return True
        loss.backward()
        optimizer.step()
    assert loss < EIGENVALUES.sum() * START**2 / 2
    return False


def test_on_a_quadratic_it_ends_exactly_at_two_over_lambda():
    model = Bowl()
    flat = FlatParameters(model)
    hessian = Hessian(model, flat, None, None, identity)
    sharpest = extremes(hessian, torch.ones(len(EIGENVALUES)), tolerance=1e-6).largest[0]
    assert sharpest == pytest.approx(3.0)
    edge = 2 / sharpest
    for rate in (0.99 * edge, 1.01 * edge, *HALF_DECADES):
        assert diverges(rate) == (rate > edge), rate
