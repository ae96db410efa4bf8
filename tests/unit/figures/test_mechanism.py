"""The mechanism study's figures draw what is in their tables."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from landscape.config.study import validate_study
from landscape.config.yaml_files import read_yaml
from landscape.errors import UserError
from landscape.figures import mechanism as figures
from landscape.figures.colors import color
from landscape.notation.names import label
from support.artefacts import ROOT

XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)  # from linear sRGB
DICHROMACY = (  # Machado, Oliveira and Fernandes 2009, severity 1: protanopia, deuteranopia
    [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
)

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
        for step in (0, 100, 3000)
        for probe in (0, 1)
        for node in (-1.0, 0.0, 0.5, 9.0)
    ]
    columns = ["arch", "learning_rate", "seed", "step", "statistics", "probe", "size", "node"]
    return pd.DataFrame(rows, columns=[*columns, "weight"])


def test_sharpness_is_drawn_by_rate_over_step_and_over_loss_with_its_limit():
    figure = figures.mechanism_sharpness(looked())
    assert len(figure.axes) == 4
    for place, axes in enumerate(figure.axes):
        levels = [line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1]
        assert 2 / (0.1, 0.02)[place % 2] in levels
        drawn = [line for line in axes.lines if len(line.get_xdata()) == 3]
        assert len(drawn) == 2 * 2 * 2  # networks, quantities, seeds
        expected = [0, 10, 100] if place < 2 else [2.0, 2.0, 2.0]
        assert all(list(line.get_xdata()) == expected for line in drawn)


def test_a_density_has_the_mass_and_the_mean_of_its_nodes():
    grid, values = figures.density(nodes().query("arch == 'vgg_a' and step == 0"))
    width = grid[1] - grid[0]
    assert values.sum() * width == pytest.approx(1, abs=0.01)
    assert (grid * values).sum() * width == pytest.approx(np.mean([-1, 0, 0.5, 9]), abs=0.02)


def test_the_trace_is_the_mean_of_the_probes_with_its_standard_error():
    part = nodes().query("arch == 'vgg_a' and step == 0")
    part.loc[part["probe"] == 1, "node"] *= 3
    assert figures.trace(part) == pytest.approx((425, 212.5))  # 212.5 and 637.5


def test_spectra_are_drawn_and_their_absence_is_said():
    figure = figures.mechanism_spectrum(nodes())
    assert [axes.get_ylabel() for axes in figure.axes[::2]] == ["step 0", "step 100", "step 3,000"]
    assert [axes.get_title() for axes in figure.axes[:2]] == [label("vgg_a"), label("vgg_a_bn")]
    assert all(len(axes.lines) == 1 for axes in figure.axes)
    assert {axes.texts[0].get_text() for axes in figure.axes} == {"trace 212 ± 0"}
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
    bar, star, *_, literature = axes.lines
    assert list(bar.get_xdata()) == [0.1, 0.3]
    assert list(star.get_xdata()) == [0.1]
    assert list(literature.get_xdata()) == [0.0001]  # without BatchNorm; the other has no row
    assert literature.get_markerfacecolor() == "none"
    (alone,) = figures.mechanism_range(table, published=False).axes
    assert len(alone.lines) == len(axes.lines) - 1


def losses(*names):
    rows = [
        (name, rate, seed, step, 1e6 if step == 2 else 2.0)
        for name in names
        for rate in ((0.1, 0.02) if name in figures.COMPARED else (0.1,))
        for seed in (0, 1)
        for step in range(3)
    ]
    return pd.DataFrame(rows, columns=["arch", "learning_rate", "seed", "step", "loss"])


def test_each_control_has_a_panel_between_the_two_that_are_compared():
    figure = figures.mechanism_controls(losses("vgg_a", "vgg_a_bn", "vgg_a_init", "vgg_a_ws"))
    panels = {axes.get_title(): axes for axes in figure.axes if axes.get_visible()}
    assert list(panels) == ["normalized once", "standardized weights", "learning rate 0.02"]
    for title, axes in panels.items():
        assert len(axes.lines) == (4 if title == "learning rate 0.02" else 6)  # two seeds each
        drawn = {line.get_color() for line in axes.lines}
        assert {color("vgg_a"), color("vgg_a_bn")} <= drawn
        assert all(np.nanmax(line.get_ydata()) == 2 for line in axes.lines)  # 10⁶ is left out


def test_without_controls_the_two_that_are_compared_have_a_panel():
    table = losses("vgg_a", "vgg_a_bn").query("learning_rate == 0.1")
    (axes,) = figures.mechanism_controls(table).axes
    assert (axes.get_title(), len(axes.lines)) == ("learning rate 0.1", 4)


@pytest.mark.parametrize("vision", [np.eye(3), *DICHROMACY])
def test_no_control_looks_like_the_two_that_are_compared(vision):
    """To trichromats, protanopes and deuteranopes. The least difference that is seen is about 2."""
    seen = {name: lab(color(name), vision) for name in study_networks()}
    for control in set(seen) - set(figures.COMPARED):
        assert label(control) != control  # it has words of its own
        for name in figures.COMPARED:
            assert np.linalg.norm(seen[control] - seen[name]) > 15, (control, name)
    assert np.linalg.norm(seen["vgg_a"] - seen["vgg_a_bn"]) > 15
    assert len({label(name) for name in seen}) == len(seen)


def study_networks():
    return validate_study(read_yaml(ROOT / "config.yaml")).mechanism.networks


def lab(text, vision):
    """CIELAB of a colour under a linear-RGB simulation of a dichromat's vision."""
    channels = np.array(to_rgb(text))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    xyz = XYZ @ np.clip(vision @ linear, 0, 1) / (XYZ @ np.ones(3))
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])
