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
RATES = (0.05, 0.1)
LOOKS = {  # after how many steps; the last three are at the edge
    ("mlp_bn", 0.05): (0, 200, 400, 600, 800, 1000, 1100, 1200),
    ("mlp_bn", 0.1): (0, 100, 200, 300, 500, 800),
    ("vgg_a_bn_smooth", 0.05): (0, 100, 200, 300, 350, 400),
    ("vgg_a_bn_smooth", 0.1): (0, 100, 200, 300, 350, 400),
}


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


def rows_of(results, arch, rate):
    """A row per step that is looked at."""
    problem = random_images() if arch == "mlp_bn" else real_images(results)
    for step, loss, sharpest in descend(*problem, rate, LOOKS[arch, rate]):
        yield {
            "arch": arch,
            "activation": "tanh" if arch == "mlp_bn" else "gelu",
            "learning_rate": rate,
            "seed": 0,
            "step": step,
            "loss": loss,
            "lambda_1": sharpest,
            "two_over_lr": 2 / rate,
            "share_of_edge": sharpest * rate / 2,
        }


@pytest.fixture(scope="module")
def edge(real_results, published):
    """The table of this protocol."""
    table = pd.DataFrame([row for case in LOOKS for row in rows_of(real_results, *case)])
    published("edge", table, ["arch", "learning_rate", "step"], steps=1)
    return table


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("arch", ["mlp_bn", "vgg_a_bn_smooth"])
def test_sharpness_comes_to_two_over_the_rate_and_hovers_there(edge, arch, rate):
    rows = edge[(edge["arch"] == arch) & (edge["learning_rate"] == rate)]
    shares = rows["share_of_edge"].tolist()
    assert not 0.6 < shares[0] < 1.5  # it does not start there
    assert all(1.0 <= share <= 1.15 for share in shares[-3:]), shares


@pytest.mark.parametrize("rate", RATES)
def test_on_its_way_from_below_it_rises(edge, rate):
    """Progressive sharpening."""
    rows = edge[(edge["arch"] == "mlp_bn") & (edge["learning_rate"] == rate)]
    below = rows[rows["share_of_edge"] < 1]["share_of_edge"]
    assert len(below) >= 2
    assert below.is_monotonic_increasing
