"""Filter banks that keep their norms: equal to the update by hand, resumable, its property."""

import copy

import pytest
import torch
from pydantic import ValidationError
from torch.nn.functional import cross_entropy

from landscape.config.architectures import Vgg
from landscape.config.recipes import Optimizer
from landscape.models import registry as models
from landscape.optimizers import registry as optimizers

FIXED = Optimizer(name="sgd", fixed_norm=True)
RATE = 0.3


def network():
    return models.build(Vgg(name="vgg_a_bn", width=0.05), seed=0).train()


def backward(model, seed=0):
    inputs = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
    model.zero_grad()
    cross_entropy(model(inputs), torch.arange(8) % 10).backward()


def test_banks_turn_and_keep_their_norms_and_all_else_is_plain_sgd():
    fixed, plain = network(), network()
    ours = optimizers.build(FIXED, fixed, RATE)
    theirs = optimizers.build(Optimizer(name="sgd"), plain, RATE)
    for model in (fixed, plain):
        backward(model)
    before = [parameter.detach().clone() for parameter in fixed.parameters()]
    ours.step()
    theirs.step()
    for old, new, moved in zip(before, fixed.parameters(), plain.parameters(), strict=True):
        if old.ndim == 4:
            assert not torch.equal(new, old)
            torch.testing.assert_close(new, moved * old.norm() / moved.norm())
            assert float(new.detach().norm()) == pytest.approx(float(old.norm()), rel=1e-6)
        else:
            assert torch.equal(new, moved)


def test_norms_stay_over_many_steps_and_a_resumed_run_has_the_same():
    model = network()
    optimizer = optimizers.build(FIXED, model, RATE)
    first = [float(p.detach().norm()) for p in model.parameters() if p.ndim == 4]
    for step in range(5):
        backward(model, step)
        optimizer.step()
    twin = network()  # a resumed run builds the initial weights before it loads the later ones
    again = optimizers.build(FIXED, twin, RATE)
    twin.load_state_dict(copy.deepcopy(model.state_dict()))
    again.load_state_dict(optimizer.state_dict())
    for one, update in ((model, optimizer), (twin, again)):
        backward(one, 9)
        update.step()
    last = [float(p.detach().norm()) for p in model.parameters() if p.ndim == 4]
    assert last == pytest.approx(first, rel=1e-6)
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_only_rules_that_fix_norms_take_the_setting():
    assert FIXED.modules == ("optimizers.from_torch", "optimizers.fixed_norms")
    with pytest.raises(ValidationError, match="fixed_norm is only read with"):
        Optimizer(name="adam", fixed_norm=True)
