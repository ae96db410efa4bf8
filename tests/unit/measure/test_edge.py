"""Full-batch gradient descent comes to 2/η, from below or above, and hovers there (Cohen et al.
2021): squared error, smooth networks with BatchNorm.
"""

import pytest
import torch
from torch import nn

from landscape.config.architectures import Vgg
from landscape.data import dataset
from landscape.data.batches import Batches
from landscape.measure.elementary import use_elementary_norms
from landscape.measure.gradient import loss_and_gradient
from landscape.measure.hessian import Hessian
from landscape.measure.lanczos import extremes
from landscape.models import registry as models
from landscape.models.flat_parameters import FlatParameters

IMAGES, PIXELS, WIDTH = 1000, 64, 64


def problem():
    """Random images with random labels, so that there is much to fit, and a smooth network."""
    drawn = torch.Generator().manual_seed(0)
    inputs = torch.randn(IMAGES, PIXELS, generator=drawn)
    labels = torch.randint(0, 10, (IMAGES,), generator=drawn)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Linear(PIXELS, WIDTH), nn.BatchNorm1d(WIDTH), nn.Tanh(),
            nn.Linear(WIDTH, WIDTH), nn.BatchNorm1d(WIDTH), nn.Tanh(), nn.Linear(WIDTH, 10),
        )  # fmt: skip
    return model.train(), inputs, labels


def squared_error(logits, labels):
    return (logits - nn.functional.one_hot(labels, 10)).square().sum(1).mean()


def descend(model, inputs, labels, rate, looks):
    """λ₁·η/2 after each number of steps of `looks`."""
    flat = FlatParameters(model)
    start = torch.randn(len(flat.vector), generator=torch.Generator().manual_seed(1))
    along = {}
    for step in range(max(looks) + 1):
        if step in looks:
            hessian = Hessian(model, flat, inputs, labels, squared_error)
            along[step] = extremes(hessian, start).largest[0] * rate / 2
        _, gradient = loss_and_gradient(model, flat, flat.vector, inputs, labels, squared_error)
        flat.vector.sub_(rate * gradient)
    return along


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "edge"), [(0.1, (300, 500, 800)), (0.05, (1000, 1100, 1200))])
def test_sharpness_rises_to_two_over_the_rate_and_hovers_there(rate, edge):
    model, inputs, labels = problem()
    along = descend(model, inputs, labels, rate, (0, *edge))
    assert along[0] < 0.6
    assert all(1.0 <= along[step] <= 1.15 for step in edge), along


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.1, 0.05])
def test_vgg_comes_down_to_it_from_above(real_results, rate):
    images = dataset.load(real_results / "data", "train")
    chosen = images[dataset.class_balanced(images.labels, 500, 0)]
    inputs, labels = Batches(chosen, 500).batch(0)
    model = models.build(Vgg(name="vgg_a_bn_smooth", width=0.1), 0).train()
    use_elementary_norms(model)
    along = descend(model, inputs, labels, rate, (0, 300, 350, 400))
    assert along.pop(0) > 1.5
    assert all(1.0 <= value <= 1.15 for value in along.values()), along
