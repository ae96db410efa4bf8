"""BatchNorm from elementary operations is torch's, to the second derivative and to the name."""

import copy

import pytest
import torch
from torch.nn.functional import cross_entropy

from landscape.config.architectures import Vgg
from landscape.measure.elementary import ElementaryBatchNorm, use_elementary_norms
from landscape.measure.hessian import Hessian
from landscape.models import registry as models
from landscape.models.flat_parameters import FlatParameters
from landscape.models.layers import BatchNorm
from landscape.models.normalization import scale_free_layers
from support.curved import random

LABELS = torch.arange(8) % 10


def twins():
    """VGG-A + BatchNorm in float64 with learned scales and shifts, and the same once replaced."""
    model = models.build(Vgg(name="vgg_a_bn", width=0.05), seed=0).double().train()
    with torch.no_grad():
        for place, parameter in enumerate(model.parameters()):
            parameter.add_(random(*parameter.shape, seed=place), alpha=0.1)
    twin = copy.deepcopy(model)
    use_elementary_norms(twin)
    assert sum(isinstance(module, ElementaryBatchNorm) for module in twin.modules()) == 8
    return model, twin


@pytest.mark.parametrize("training", [True, False])
def test_it_is_torch_s_to_the_second_derivative(training):
    models_, inputs, found = twins(), random(8, 3, 32, 32), []
    for model in models_:
        flat = FlatParameters(model.train(training))
        hessian = Hessian(model, flat, inputs, LABELS, cross_entropy)
        found.append((hessian.loss, hessian.gradient, hessian(random(len(flat.vector)))))
    for theirs, ours in zip(*found, strict=True):
        assert (ours - theirs).norm() < 1e-10 * theirs.norm()


def test_names_values_and_what_the_project_knows_of_it_stay():
    model, twin = twins()
    state = twin.state_dict()
    assert list(state) == list(model.state_dict())
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert scale_free_layers(twin) == scale_free_layers(model)
    twin(random(8, 3, 32, 32))
    assert not twin.features[1].running_mean.any()  # passes are not counted


def test_in_float32_it_errs_less_than_torch_s():
    """In the channels-last layout, in which the networks compute on CPUs."""
    x = random(64, 16, 32, 32).add_(1).float().contiguous(memory_format=torch.channels_last)
    exact = BatchNorm(16).double()(x.double())
    theirs, ours = (
        float((norm(x) - exact).detach().abs().max())
        for norm in (BatchNorm(16), ElementaryBatchNorm(16))
    )
    assert ours < 2e-6
    assert ours <= theirs
