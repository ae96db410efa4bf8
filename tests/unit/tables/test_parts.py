"""Measures by learning rate and by step size: of hand-made rows, and of real runs."""

import numpy as np
import pandas as pd
import pytest

from landscape.storage.step_columns import SAME_BATCH
from landscape.tables.parts import by_learning_rate, by_step_size
from support import synthetic_tables as synthetic


def steps():
    """Two learning rates; the same batch at steps 2 and 4, its share a quarter at the first."""
    rows = []
    for rate, scale in ((0.1, 1.0), (0.01, 10.0)):
        for step in range(5):
            measured = step in (2, 4)
            rows.append(
                {
                    "arch": "vgg_a",
                    "learning_rate": rate,
                    "seed": 0,
                    "step": step,
                    "gradient_distance": 2.0 + step,
                    "beta": scale * (2.0 + step),
                    "same_batch_gradient_distance": 0.5 * (2 + step) if measured else np.nan,
                    "same_batch_beta": 0.5 * scale * (2 + step) if measured else np.nan,
                }
            )
    return pd.DataFrame(rows)


def test_each_learning_rate_has_its_own_beta_on_one_batch_and_on_two():
    table = by_learning_rate(steps()).set_index("learning_rate")
    assert table["steps"].tolist() == [2, 2]
    assert table["beta_mean"].to_dict() == {0.1: 5.0, 0.01: 50.0}  # of the same steps
    assert table["same_batch_beta_mean"].to_dict() == {0.1: 2.5, 0.01: 25.0}
    assert table["same_batch_share_mean"].tolist() == pytest.approx([0.25, 0.25])


def test_without_the_same_batch_there_is_no_row():
    assert by_learning_rate(steps().drop(columns=list(SAME_BATCH))).empty


def test_each_step_size_has_what_it_meets():
    probe = synthetic.probe(seeds=(0, 1))
    size = (probe["relative_step_size"] == 4.0) & (probe["seed"] == 1) & (probe["arch"] == "vgg_a")
    gone = size & (probe["step"] == 20)
    probe.loc[gone, "loss"] = np.nan  # diverged there
    table = by_step_size(probe).set_index(["arch", "relative_step_size", "seed"])
    assert len(table) == 2 * 7 * 2
    row, part = table.loc[("vgg_a", 4.0, 1)], probe[size & ~gone]
    assert row["steps"] == len(part) == 9
    left = part["gradient_norm_there"] / part["gradient_norm"]
    assert row["gradient_left_median"] == pytest.approx(left.median())
    share = part["rest_distance"] / part["gradient_distance"]
    assert row["rest_share_mean"] == pytest.approx(share.mean())
    assert row["beta_mean"] == pytest.approx(part["beta"].mean())
