"""The mechanism study's figures draw what is in their tables."""

import numpy as np
import pandas as pd
import pytest

from landscape.errors import UserError
from landscape.figures import mechanism as figures

RUNS = [
    (arch, rate, seed) for arch in ("vgg_a", "vgg_a_bn") for rate in (0.1, 0.02) for seed in (0, 1)
]


def looked():
    rows = [
        (*run, step, 2.0, quantity, "", 10.0 + step)
        for run in RUNS
        for step in (0, 10, 100)
        for quantity in ("lambda_1", "batch_sharpness")
    ]
    columns = ["arch", "learning_rate", "seed", "step", "loss", "quantity", "layer", "value"]
    return pd.DataFrame(rows, columns=columns)


def nodes():
    rows = [
        (arch, 0.1, 0, step, "batch", probe, 100, node, 0.25)
        for arch in ("vgg_a", "vgg_a_bn")
        for step in (0, 100)
        for probe in (0, 1)
        for node in (-1.0, 0.0, 0.5, 9.0)
    ]
    columns = ["arch", "learning_rate", "seed", "step", "statistics", "probe", "size", "node"]
    return pd.DataFrame(rows, columns=[*columns, "weight"])


def test_sharpness_is_drawn_by_rate_with_its_limit():
    figure = figures.mechanism_sharpness(looked())
    assert len(figure.axes) == 2
    for axes, rate in zip(figure.axes, (0.1, 0.02), strict=True):
        levels = [line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1]
        assert 2 / rate in levels
        drawn = [line for line in axes.lines if len(line.get_xdata()) == 3]
        assert len(drawn) == 2 * 2 * 2  # networks, quantities, seeds


def test_a_density_has_the_mass_and_the_mean_of_its_nodes():
    grid, values = figures.density(nodes().query("arch == 'vgg_a' and step == 0"))
    width = grid[1] - grid[0]
    assert values.sum() * width == pytest.approx(1, abs=0.01)
    assert (grid * values).sum() * width == pytest.approx(np.mean([-1, 0, 0.5, 9]), abs=0.02)


def test_spectra_are_drawn_and_their_absence_is_said():
    assert len(figures.mechanism_spectrum(nodes()).axes) == 4
    with pytest.raises(UserError, match="no spectra"):
        figures.mechanism_spectrum(nodes()[:0])


def test_a_range_is_a_bar_from_the_smallest_to_the_largest_rate_that_trains():
    table = pd.DataFrame(
        {
            "arch": ["vgg_a"] * 4,
            "learning_rate": [0.01, 0.1, 0.3, 1.0],
            "seed": 0,
            "status": ["completed", "completed", "completed", "diverged"],
            "final_loss": [2.3, 1.0, 1.5, np.nan],
            "trained": [False, True, True, False],
        }
    )
    (axes,) = figures.mechanism_range(table).axes
    bar, star, *_ = axes.lines
    assert list(bar.get_xdata()) == [0.1, 0.3]
    assert list(star.get_xdata()) == [0.1]


def test_controls_leave_out_what_explodes():
    losses = pd.DataFrame(
        [(*run, step, 1e6 if step == 2 else 2.0) for run in RUNS for step in range(3)],
        columns=["arch", "learning_rate", "seed", "step", "loss"],
    )
    for axes in figures.mechanism_controls(losses).axes:
        assert all(np.nanmax(line.get_ydata()) == 2 for line in axes.lines)
