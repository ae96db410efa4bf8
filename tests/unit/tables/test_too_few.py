"""No statistic of too few: one run has no width, nor has a band in which all runs are equal."""

import pandas as pd
import pytest

from landscape.tables.band import band
from landscape.tables.series import bands_series, probe_series


def steps_of(rates, steps=3) -> pd.DataFrame:
    rows = [
        {
            "arch": arch,
            "seed": 0,
            "learning_rate": rate,
            "step": step,
            "loss": 1.0 + rate * step,
            "gradient_distance": 1.0,
            "output_gradient_distance": 1.0,
            "beta": 1.0,
        }
        for arch in ("vgg_a", "vgg_a_bn")
        for rate in rates
        for step in range(steps)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("rates", "steps", "widths"),
    [
        ((1.0, 3.0), 3, [0.0, 2.0, 4.0]),
        ((1.0,), 3, []),  # one learning rate
        ((1.0, 3.0), 1, []),  # one step, or every run diverged after it
    ],
)
def test_a_band_has_a_width_where_runs_can_differ(rates, steps, widths):
    table = steps_of(rates, steps)
    found = bands_series(band(table, ["loss"]), table)["loss_band_width"]
    assert list(found["vgg_a"].dropna()) == widths


@pytest.mark.parametrize(("sizes", "ranges"), [((1.0, 2.0), [0.0, 1.0]), ((1.0,), [])])
def test_a_single_step_size_has_no_range(sizes, ranges):
    table = steps_of(sizes, 2).rename(columns={"learning_rate": "relative_step_size"})
    table = table.assign(
        gradient_norm=1.0, gradient_cosine=1.0, hg_over_g=1.0, gradient_norm_there=1.0
    )
    measures = ["loss", "gradient_distance", "gradient_cosine", "beta"]
    found = probe_series(band(table, measures), table, table)["loss_range_mean"]
    assert list(found["vgg_a"].dropna()) == ranges
