"""Figures of the course and the probe as a reader reads them: label → colour → data → axis."""

import numpy as np
import pandas as pd
import pytest

from landscape.figures import bands, parts, probe, training
from landscape.notation.units import times_rate
from support import synthetic_tables as synthetic
from support.shown import band_of, bars, hexed, named_colors, ticks

NAMES = {"vgg_a": "VGG-A", "vgg_a_bn": "VGG-A + BatchNorm"}
BANDS = [
    (bands.VGG_Loss_Landscape, {"": "loss"}, "loss (nats)"),
    (
        bands.VGG_Grad_Pred,
        {"whole network": "gradient_distance", "output layer only": "output_gradient_distance"},
        r"\|g_i - g_{i-1}\|_2",
    ),
    (bands.VGG_Beta_Smooth, {"": "beta"}, r"\beta_i"),
]


def words_and_colors(figure):
    """{architecture: colour} by the words of the legend."""
    texts = named_colors(figure)
    colors = {text: color for color, text in texts.items()}
    assert {*NAMES.values()} <= set(colors)
    return {arch: colors[name] for arch, name in NAMES.items()}


@pytest.mark.parametrize(("draw", "panels", "unit"), BANDS)
def test_each_band_belongs_to_the_label_of_its_colour(draw, panels, unit):
    table = synthetic.bands(seeds=(0,))
    figure = draw(table)
    assert unit in figure.axes[0].get_ylabel()
    assert {axes.get_title() for axes in figure.axes} == set(panels)
    for axes in figure.axes:
        assert axes.get_xlabel() == "training step"
        for arch, color in words_and_colors(figure).items():
            measure = panels[axes.get_title()]
            part = table[(table["arch"] == arch) & (table["measure"] == measure)]
            part = part[part["minimum"].notna()].set_index("step")
            shown = band_of(axes, color)
            assert sorted(shown) == list(part.index)
            for step, (low, high) in shown.items():
                assert (low, high) == (part["minimum"][step], part["maximum"][step])


PROBES = [
    (probe.probe_loss, [("loss", r"$L(")]),
    (probe.probe_gradient, [("gradient_distance", r"$\|\nabla"), ("gradient_cosine", r"$\cos")]),
    (probe.probe_beta, [("beta", r"$\beta")]),
]


@pytest.mark.parametrize(("draw", "rows"), PROBES)
def test_each_row_of_a_probe_is_its_measure_and_step_0_stands_apart(draw, rows):
    table = synthetic.probe_bands(synthetic.probe(seeds=(0,)))
    figure = draw(table)
    colors = words_and_colors(figure)
    grid = np.array(figure.axes).reshape(-1, 2)
    assert [axes.get_title() for axes in grid[0]] == ["step 0", "all steps"]
    for (start, course), (measure, begins) in zip(grid, rows, strict=True):
        assert start.get_ylabel().startswith(begins)
        at_zero = {color: ends for (_, color), ends in bars(start).items()}
        for arch, color in colors.items():
            part = table[(table["arch"] == arch) & (table["measure"] == measure)]
            part = part.set_index("step")
            assert at_zero[color] == pytest.approx((part["minimum"][0], part["maximum"][0]))
            shown = band_of(course, color)
            assert sorted(shown) == list(part.index)
            assert all(shown[s] == (part["minimum"][s], part["maximum"][s]) for s in part.index)


def test_each_row_of_the_heat_map_is_the_step_size_beside_it():
    table = synthetic.probe(seeds=(0, 1))
    figure = probe.probe_beta_heatmap(table)
    shown = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    assert list(shown) == list(NAMES.values())
    for arch, name in NAMES.items():
        axes = shown[name]
        mesh = axes.collections[0].get_array()
        part = table[table["arch"] == arch]
        assert len(ticks(axes.yaxis)) == len(synthetic.RELATIVE)
        for place, text in ticks(axes.yaxis):
            (size,) = [size for size in synthetic.RELATIVE if times_rate(size) == text]
            of_size = part[part["relative_step_size"] == size]
            means = np.exp(np.log(of_size["beta"]).groupby(of_size["step"]).mean())
            np.testing.assert_allclose(mesh[int(place)], means)


def test_curves_are_those_of_their_labels_and_stars_stand_at_their_ends():
    epochs, runs = synthetic.epochs(validation=True), synthetic.runs()
    figure = training.training_curves(epochs, runs)
    colors = words_and_colors(figure)
    legend = figure.legends[0]
    styles = {}
    for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
        if text.get_text().startswith("lr "):
            rate = float(text.get_text().removeprefix("lr "))
            styles[handle.get_linestyle(), handle.get_marker()] = rate
    assert sorted(styles.values()) == list(synthetic.RATES)
    grid = np.array(figure.axes).reshape(2, 2)
    for row, (quantity, factor) in enumerate((("train_loss", 1), ("validation_accuracy", 100))):
        for axes, time in zip(grid[row], ("epoch", "seconds"), strict=True):
            for line in [line for line in axes.lines if line.get_marker() != "None"]:
                rate = styles[line.get_linestyle(), line.get_marker()]
                (arch,) = [a for a, color in colors.items() if color == hexed(line.get_color())]
                part = epochs[(epochs["arch"] == arch) & (epochs["learning_rate"] == rate)]
                middle = part.groupby("epoch")[[quantity, "seconds"]].median().reset_index()
                np.testing.assert_allclose(line.get_xdata(), middle[time])
                np.testing.assert_allclose(line.get_ydata(), factor * middle[quantity])
    assert "loss" in grid[0][0].get_ylabel()
    assert grid[1][0].get_ylabel() == "validation accuracy (%)"
    assert [axes.get_xlabel().split()[0] for axes in grid[1]] == ["epoch", "training"]
    for axes, time in zip(grid[1], ("epoch", "seconds"), strict=True):
        for stars in axes.collections:
            (arch,) = [a for a, c in colors.items() if c == hexed(stars.get_facecolor()[0])]
            mine = runs[runs["arch"] == arch]
            ends = epochs.groupby(["arch", "learning_rate", "seed"])[time].max()
            expected = [
                (ends[arch, rate, seed], 100 * accuracy)
                for rate, seed, accuracy in zip(
                    mine["learning_rate"], mine["seed"], mine["test_accuracy"], strict=True
                )
            ]
            shown = sorted(tuple(point) for point in stars.get_offsets())
            np.testing.assert_allclose(shown, sorted(expected))


def test_parts_are_drawn_in_the_style_that_their_legend_gives_them():
    table = synthetic.probe(seeds=(0,))
    figure = parts.probe_parts(table)
    colors = words_and_colors(figure)
    there = [
        {
            r"$\|\eta Hg\|$": table["smooth_distance"] / table["gradient_norm"],
            "rest": table["rest_distance"] / table["gradient_norm"],
        },
        {"signs at ReLUs": table["relu_flips"], "winners of max": table["pool_flips"]},
    ]
    for axes, measures in zip(figure.axes, there, strict=True):
        legend = axes.get_legend()
        assert len(legend.get_texts()) == len(measures)
        for handle, text in zip(legend.get_lines(), legend.get_texts(), strict=True):
            (values,) = [v for key, v in measures.items() if text.get_text().startswith(key)]
            for arch, color in colors.items():
                (line,) = [
                    found
                    for found in axes.lines
                    if hexed(found.get_color()) == color
                    and found.get_linestyle() == handle.get_linestyle()
                ]
                mine = pd.DataFrame({"size": table["relative_step_size"], "value": values})
                middle = mine[table["arch"] == arch].groupby("size")["value"].median()
                np.testing.assert_allclose(line.get_ydata(), middle)
