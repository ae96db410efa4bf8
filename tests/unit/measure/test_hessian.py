"""Hessian-vector products against the explicit Hessian, finite differences and innocence."""

import copy

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from landscape.config.architectures import Vgg
from landscape.measure.gradient import loss_and_gradient
from landscape.measure.hessian import hessian_vector_product
from landscape.models import registry as models
from landscape.models.flat_parameters import FlatParameters

LABELS = torch.arange(8) % 3


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def tiny(activation, pooling, norm):
    """A network of the kinds of layers that VGG has, small enough for an explicit Hessian."""
    torch.manual_seed(3)
    return (
        nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), norm(4), activation(), pooling(2), nn.Flatten(),
            nn.Linear(16, 5), activation(), nn.Linear(5, 3),
        ).double().train()
    )  # fmt: skip


SMOOTH = (nn.GELU, nn.AvgPool2d, nn.BatchNorm2d)
KINDS = [SMOOTH, (nn.ReLU, nn.MaxPool2d, nn.BatchNorm2d), (nn.ReLU, nn.MaxPool2d, nn.Identity)]


def explicit(model, flat, inputs):
    """∇²L [P, P] by torch's own Hessian of the loss as a function of the flat vector."""
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}

    def loss(point):
        logits = functional_call(model, (flat.views(point), buffers), (inputs,))
        return cross_entropy(logits, LABELS)

    return torch.autograd.functional.hessian(loss, flat.vector.clone())


@pytest.mark.parametrize("kinds", KINDS, ids=["smooth", "kinks", "no norm"])
def test_it_equals_the_explicit_hessian_s(kinds):
    model, inputs = tiny(*kinds), random(8, 2, 4, 4)
    flat = FlatParameters(model)
    hessian = explicit(model, flat, inputs)
    assert hessian.norm() > 0.1
    for seed in range(3):
        vector = random(len(flat.vector), seed=seed)
        product = hessian_vector_product(model, flat, inputs, LABELS, cross_entropy, vector)
        assert (product - hessian @ vector).norm() < 1e-10 * (hessian @ vector).norm()


@pytest.mark.parametrize("kinds", [SMOOTH, KINDS[2]], ids=["BatchNorm", "no norm"])
def test_parts_of_a_batch_are_other_functions_with_batch_norm(kinds):
    """Their Hessians have the batch's as mean only where images do not share statistics."""
    model, inputs = tiny(*kinds), random(8, 2, 4, 4)
    flat = FlatParameters(model)
    vector = random(len(flat.vector), seed=4)

    def product(part):
        batch = inputs[part], LABELS[part]
        return hessian_vector_product(model, flat, *batch, cross_entropy, vector)

    whole = product(slice(None))
    apart = (product(slice(4)) + product(slice(4, None))) / 2 - whole
    share = float(apart.norm() / whole.norm())
    assert share > 0.1 if kinds is SMOOTH else share < 1e-12


def test_it_is_the_gradient_s_derivative():
    """Central differences of the gradient, in VGG-A itself, whose weights are channels-last."""
    model = models.build(Vgg(name="vgg_a_bn", width=0.05), 0).double().train()
    flat, inputs, labels = FlatParameters(model), random(8, 3, 32, 32), torch.arange(8)
    vector, step = random(len(flat.vector)), 1e-9

    def gradient(moved):
        point = flat.vector + moved * vector
        return loss_and_gradient(model, flat, point, inputs, labels, cross_entropy)[1]

    difference = (gradient(step) - gradient(-step)) / (2 * step)
    product = hessian_vector_product(model, flat, inputs, labels, cross_entropy, vector)
    torch.testing.assert_close(product, difference, rtol=1e-4, atol=1e-5 * product.norm().item())


def test_it_is_linear_and_symmetric():
    model, inputs = tiny(*SMOOTH), random(8, 2, 4, 4)
    flat = FlatParameters(model)

    def product(vector):
        return hessian_vector_product(model, flat, inputs, LABELS, cross_entropy, vector)

    a, b = (random(len(flat.vector), seed=seed) for seed in (1, 2))
    torch.testing.assert_close(product(2 * a - b), 2 * product(a) - product(b))
    assert (a @ product(b)).item() == pytest.approx((b @ product(a)).item(), rel=1e-10)


def test_it_changes_nothing_and_repeats_bitwise():
    model, inputs = tiny(*KINDS[1]), random(8, 2, 4, 4)
    flat = FlatParameters(model)
    flat.gradient.copy_(random(len(flat.gradient), seed=9))
    vector = random(len(flat.vector), seed=1)
    before, gradient = copy.deepcopy(model.state_dict()), flat.gradient.clone()
    drawn, given = torch.random.get_rng_state(), vector.clone()
    first, again = (
        hessian_vector_product(model, flat, inputs, LABELS, cross_entropy, vector) for _ in range(2)
    )
    assert torch.equal(first, again)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(flat.gradient, gradient)
    assert torch.equal(vector, given)
    assert torch.equal(torch.random.get_rng_state(), drawn)
    assert model.training
    assert not first.requires_grad


def test_a_parameter_without_curvature_has_none():
    """L = ½a² + b: nothing depends on the second derivative by b."""

    class Bowl(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Parameter(torch.tensor([3.0]))
            self.b = nn.Parameter(torch.tensor([1.0]))

        def forward(self, inputs):
            return (self.a.square() / 2 + self.b).sum()

    model = Bowl()
    vector = torch.tensor([2.0, 5.0])
    product = hessian_vector_product(
        model, FlatParameters(model), None, None, lambda logits, labels: logits, vector
    )
    assert product.tolist() == [2.0, 0.0]
