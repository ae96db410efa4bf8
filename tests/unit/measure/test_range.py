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


def edge_of():
    """The largest rate that converges and the smallest that diverges, in units of 2/λ₁."""
    model = Bowl()
    flat = FlatParameters(model)
    hessian = Hessian(model, flat, None, None, identity)
    sharpest = extremes(hessian, torch.ones(len(EIGENVALUES)), tolerance=1e-6).largest[0]
    assert sharpest == pytest.approx(3.0)
    rates = (0.99, 1.01, *(rate * sharpest / 2 for rate in HALF_DECADES))
    gone = {rate: diverges(rate * 2 / sharpest) for rate in rates}
    return max(r for r in rates if not gone[r]), min(r for r in rates if gone[r])


def test_on_a_quadratic_it_ends_exactly_at_two_over_lambda():
    assert edge_of() == (0.99, 1.01)
