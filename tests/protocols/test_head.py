"""The roughness of VGG-A + BatchNorm before any training is largely that of its head, which nothing
normalizes. Real images, float64.
"""

import pandas as pd
import pytest

from support.descent import RATE, checkpoints, probed

ARCHITECTURES = ("vgg_a", "vgg_a_bn", "vgg_a_bn_fc")
BAND = (0.5, 1.0, 2.0, 4.0)  # the paper's step sizes, relative to the learning rate


def row_of(results, arch):
    step, point = next(checkpoints(results, arch, (0,), width=0.25, batch_size=128))
    found = probed(point, BAND)
    return {
        "arch": arch,
        "activation": "relu",
        "learning_rate": RATE,
        "seed": 0,
        "step": step,
        "loss": found["loss_at_origin"][0],
        "loss_range": found["loss"].max() - found["loss"].min(),
    }


@pytest.fixture(scope="module")
def ranges(real_results, published):
    """The range of the loss along the gradient at step 0, by network."""
    table = pd.DataFrame([row_of(real_results, arch) for arch in ARCHITECTURES])
    published("head", table, ["arch"], steps=1)
    return table.set_index("arch")["loss_range"]


def test_batch_norm_in_the_head_takes_most_of_it_away(ranges):
    assert ranges["vgg_a_bn"] > 2 * ranges["vgg_a_bn_fc"]
    assert ranges["vgg_a_bn_fc"] > 10 * ranges["vgg_a"]  # the rest is the features'
