"""Values at equal loss: exact on a power law, and only where the loss really falls through."""

import pandas as pd
import pytest

from landscape.tables.equal_loss import LEVELS, at_equal_loss


def path(losses, values, quantity="lambda_1", arch="vgg_a"):
    frame = pd.DataFrame({"step": [10 * k for k in range(len(losses))], "loss": losses})
    return frame.assign(arch=arch, learning_rate=0.1, seed=0, quantity=quantity, value=values)


def test_a_power_of_the_loss_is_interpolated_exactly():
    losses = [2.3, 1.6, 0.8, 0.45]
    found = at_equal_loss(path(losses, [3 * loss**-2 for loss in losses]))
    assert found["loss"].tolist() == [2.0, 1.5, 1.0, 0.7, 0.5]
    assert found["value"].tolist() == pytest.approx([3 * loss**-2 for loss in found["loss"]])
    assert found["step"].is_monotonic_increasing
    assert found["step"].between(0, 30).all()


def test_the_first_fall_counts_and_a_rise_does_not():
    found = at_equal_loss(path([2.5, 2.1, 1.9, 2.2, 1.4], [1.0, 1.0, 5.0, 5.0, 5.0]))
    at = found.set_index("loss")
    assert at.loc[2.0, "step"] == pytest.approx(15, abs=1)
    assert 1 < at.loc[2.0, "value"] < 5
    assert at.loc[1.5, "value"] == pytest.approx(5)


def test_levels_that_are_not_reached_have_no_row_and_values_below_zero_are_left_out():
    assert at_equal_loss(path([2.3, 2.2, 2.1], [1.0, 1.0, 1.0])).empty
    found = at_equal_loss(path([2.3, 1.9, 1.7], [1.0, -1.0, 1.0]))
    assert found["loss"].tolist() == [2.0]
    assert found["step"].iloc[0] > 0
    assert list(found.columns) == [
        *("arch", "learning_rate", "seed", "quantity", "loss", "step", "value")
    ]
    assert sorted(LEVELS, reverse=True) == list(LEVELS)


def test_runs_and_quantities_are_kept_apart():
    table = pd.concat(
        [path([2.3, 1.0], [1.0, 4.0]), path([2.3, 1.0], [9.0, 9.0], "kappa", "vgg_a_bn")]
    )
    found = at_equal_loss(table)
    assert set(zip(found["arch"], found["quantity"], strict=True)) == {
        ("vgg_a", "lambda_1"),
        ("vgg_a_bn", "kappa"),
    }
    assert found.loc[found["quantity"] == "kappa", "value"].tolist() == pytest.approx([9.0] * 2)
