"""β(η) from 4 to 2⁻¹⁸ learning rates: it converges to ‖Hg‖/‖g‖ where the loss is smooth, and grows
like η^(−1/2) where the step crosses kinks. Real images, float64.
"""

import numpy as np
import pandas as pd
import pytest

from support.descent import RATE, checkpoints, probed

STEPS = (0, 10, 30, 60, 120)
POWERS = (2, 0, -1, *range(-2, -19, -2))  # of 2: step sizes relative to the learning rate
SMOOTH = ("vgg_a_bn_smooth", "vgg_a_bn_fc_smooth")
SMALL = (0.1, 64)  # width, images in a batch
# A slope over ten powers of 2 needs many kinks: in the small network there are none left at 2⁻¹⁶.
LARGE = (0.25, 128)
CASES = [("vgg_a_bn", *LARGE), *((arch, *SMALL) for arch in ("vgg_a_bn", *SMOOTH))]


def rows_of(results, arch, width, batch_size):
    """A row per step and step size."""
    for step, point in checkpoints(results, arch, STEPS, width, batch_size):
        found = probed(point, [2.0**power for power in POWERS])
        for i, power in enumerate(POWERS):
            yield {
                "arch": arch,
                "width": width,
                "activation": "gelu" if arch in SMOOTH else "relu",
                "learning_rate": RATE,
                "seed": 0,
                "step": step,
                "loss": found["loss_at_origin"][0],
                "step_size": RATE * 2.0**power,
                "beta": found["beta"][i],
                "hg_over_g": found["hg_over_g"][i],
                "kappa": found["kappa"][i],
            }


@pytest.fixture(scope="module")
def scale(real_results, published):
    """The table of this protocol."""
    table = pd.DataFrame([row for case in CASES for row in rows_of(real_results, *case)])
    published("scale", table, ["arch", "width", "step", "step_size"], steps=5)
    return table


def at(scale, arch, step, power):
    near = np.isclose(scale["step_size"], RATE * 2.0**power, rtol=1e-4)
    return scale[(scale["arch"] == arch) & (scale["step"] == step) & near].iloc[0]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("arch", SMOOTH)
def test_without_kinks_small_steps_meet_the_curvature(scale, arch, step):
    """At lr/64; with BatchNorm in the head, where that is not small yet, at lr/1024."""
    power = -10 if arch == "vgg_a_bn_fc_smooth" else -6
    row, smaller = (at(scale, arch, step, p) for p in (power, power - 4))
    assert row["beta"] == pytest.approx(row["hg_over_g"], rel=0.01)
    assert smaller["beta"] == pytest.approx(row["hg_over_g"], rel=1e-3)


def test_with_batch_norm_and_kinks_it_grows_like_the_inverse_root_of_the_step(scale):
    """On the mean: from batch to batch, at the same weights, the slope varies by 0.1."""
    slopes = [slope(scale, step) for step in STEPS]
    assert np.mean(slopes) == pytest.approx(-0.5, abs=0.1)
    assert all(-0.7 < value < -0.3 for value in slopes)


def slope(scale, step):
    """Of log β over log η from lr/4 to lr/4096, with BatchNorm and ReLU."""
    rows = scale[(scale["arch"] == "vgg_a_bn") & (scale["width"] == LARGE[0])]
    relative = rows["step_size"] / RATE
    between = (rows["step"] == step) & (relative < 0.26) & (relative > 2**-12.5)
    found, _ = np.polyfit(np.log(relative[between]), np.log(rows.loc[between, "beta"]), 1)
    return found


def test_where_no_kink_is_left_on_the_way_the_curvature_is_met_again(scale):
    row = scale[(scale["arch"] == "vgg_a_bn") & (scale["width"] == SMALL[0])]
    row = row[(row["step"] == 60) & (row["step_size"] < RATE * 2**-17)].iloc[0]
    assert row["beta"] == pytest.approx(row["hg_over_g"], rel=1e-4)
