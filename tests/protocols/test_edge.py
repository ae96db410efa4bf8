"""Full-batch gradient descent comes to 2/η, from below or above, and hovers there (Cohen et al.
2021): squared error, smooth networks with BatchNorm.
"""

import pandas as pd
import pytest
import torch
from torch import nn

from landscape.config.architectures import Vgg
from landscape.data import dataset
from landscape.data.batches import Batches
from landscape.measure.elementary import use_elementary_norms
from landscape.measure.gradient import loss_and_gradient
from landscape.measure.hessian import Hessian
from landscape.measure.sharpness import sharpness
from landscape.models import registry as models
from landscape.models.flat_parameters import FlatParameters

IMAGES, PIXELS, WIDTH = 1000, 64, 64
LOOKS = {  # after how many steps, by learning rate; the last three are at the edge
    0.1: (0, 100, 200, 300, 500, 800),
    0.05: (0, 200, 400, 600, 800, 1000, 1100, 1200),
}
RATES = tuple(LOOKS)


def random_images():
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


def real_images(results):
    images = dataset.load(results / "data", "train")
    chosen = images[dataset.class_balanced(images.labels, 500, 0)]
    model = models.build(Vgg(name="vgg_a_bn_smooth", width=0.1), 0).train()
    use_elementary_norms(model)
    return model, *Batches(chosen, 500).batch(0)


def squared_error(logits, labels):
    return (logits - nn.functional.one_hot(labels, 10)).square().sum(1).mean()


def descend(model, inputs, labels, rate, looks):
    """(step, loss, λ₁) after each number of steps of `looks`."""
    flat = FlatParameters(model)
    start = torch.randn(len(flat.vector), generator=torch.Generator().manual_seed(1))
    for step in range(max(looks) + 1):
        if step in looks:
            hessian = Hessian(model, flat, inputs, labels, squared_error)
            yield step, float(hessian.loss), sharpness(hessian, start)["lambda_1"]
        _, gradient = loss_and_gradient(model, flat, flat.vector, inputs, labels, squared_error)
        flat.vector.sub_(rate * gradient)


def on_the_edge(shares):
    return all(1.0 <= share <= 1.15 for share in shares)


def rows_of(rate):
    """A row per step that is looked at."""
    for step, loss, sharpest in descend(*random_images(), rate, LOOKS[rate]):
        yield {
            "arch": "mlp_bn",
            "activation": "tanh",
            "learning_rate": rate,
            "seed": 0,
            "step": step,
            "loss": loss,
            "lambda_1": sharpest,
            "two_over_lr": 2 / rate,
            "share_of_edge": sharpest * rate / 2,
        }


@pytest.fixture(scope="module")
def edge(published):
    """The table of this protocol."""
    table = pd.DataFrame([row for rate in RATES for row in rows_of(rate)])
    published("edge", table, ["arch", "learning_rate", "step"], steps=1)
    return table


@pytest.mark.parametrize("rate", RATES)
def test_sharpness_rises_to_two_over_the_rate_and_hovers_there(edge, rate):
    shares = edge[edge["learning_rate"] == rate]["share_of_edge"]
    below = shares[shares < 1]
    assert shares.iloc[0] < 0.6
    assert len(below) >= 3
    assert below[1:].is_monotonic_increasing  # progressive sharpening, after the first steps
    assert on_the_edge(shares[-3:]), shares


@pytest.mark.parametrize("rate", RATES)
def test_vgg_comes_down_to_it_from_above(real_results, rate):
    found = descend(*real_images(real_results), rate, (0, 300, 350, 400))
    first, *late = (sharpest * rate / 2 for _, _, sharpest in found)
    assert first > 1.5
    assert on_the_edge(late), late
