"""Overview, samples, layers, surfaces, speed and insight as a reader reads them."""

import numpy as np
import pandas as pd
import pytest

from landscape.figures.bench import bench
from landscape.figures.colors import color
from landscape.figures.insight.images import CORRUPTIONS, insight_embedding, insight_robustness
from landscape.figures.insight.judgement import insight_calibration, insight_classes
from landscape.figures.layers import KINDS, structure
from landscape.figures.overview import overview
from landscape.figures.samples import GAP, samples
from landscape.figures.surface import loss_surface
from landscape.notation.names import label
from support import synthetic_tables as synthetic
from support.shown import band_of, hexed, named_colors, ticks

ARCHS = ("vgg_a", "vgg_a_bn")
CLASSES = ["cat", "dog", "ship"]


def test_each_half_of_the_overview_is_its_study_s_loss():
    tables = synthetic.bands(seeds=(0,)), synthetic.probe_bands(synthetic.probe(seeds=(0,)))
    figure = overview(*tables)
    titles = ["over learning rates", "over step sizes along the gradient"]
    assert [axes.get_title() for axes in figure.axes] == titles
    colors = {text: tint for tint, text in named_colors(figure).items()}
    for axes, table in zip(figure.axes, tables, strict=True):
        for arch in ARCHS:
            rows = table[(table["arch"] == arch) & (table["measure"] == "loss")]
            rows = rows[rows["minimum"].notna()]
            expected = {
                step: (low, high)
                for step, low, high in zip(
                    rows["step"], rows["minimum"], rows["maximum"], strict=True
                )
            }
            assert band_of(axes, colors[label(arch)]) == expected


def test_the_samples_beside_a_class_s_name_are_its_first_images():
    labels = np.array([1, 0, 2, 1, 0, 1])
    pixels = np.random.default_rng(0).integers(0, 256, (6, 3, 4, 4), dtype=np.uint8)
    (axes,) = samples(pixels, labels, CLASSES).axes
    drawn = axes.images[0].get_array()
    for place, name in ticks(axes.yaxis):
        row = int(place) // (4 + GAP)
        for column, index in enumerate(np.flatnonzero(labels == CLASSES.index(name))):
            top, left = row * (4 + GAP), column * (4 + GAP)
            tile = drawn[top : top + 4, left : left + 4]
            np.testing.assert_array_equal(tile, pixels[index].transpose(1, 2, 0))


def test_a_network_s_layers_are_bars_in_order_coloured_by_kind():
    rows = [
        ("a.conv", "convolution", "8×32×32", 216, 10),
        ("a.bn", "normalization", "8×32×32", 16, 0),
        ("a.pool", "pooling", "8×16×16", 0, 0),
        ("out", "linear", "10", 80, 4),
    ]
    table = pd.DataFrame(rows, columns=["layer", "kind", "output_shape", "parameters", "flops"])
    other = table.assign(network="narrow", parameters=table["parameters"] * 2)
    figure = structure(pd.concat([table.assign(network="fast"), other]))
    assert [axes.get_title(loc="left").split(",")[0] for axes in figure.axes] == [
        "fast: 312 parameters",
        "narrow: 624 parameters",
    ]
    kinds = named_colors(figure)
    for axes in figure.axes:
        bars = sorted(axes.patches, key=lambda bar: bar.get_x())
        assert [kinds[hexed(bar.get_facecolor())] for bar in bars] == [
            "convolution",
            "pooling",
            "linear",
        ]
        assert [bar.get_height() for bar in bars[:2]] == [1, 0.5]  # of the image's side
    assert set(kinds.values()) <= set(KINDS)


def test_each_surface_is_the_loss_of_the_network_above_it():
    table = synthetic.surface(ARCHS)
    figure = loss_surface(table)
    reliefs = [axes for axes in figure.axes if axes.name == "3d"]
    flat = [axes for axes in figure.axes if axes.get_xlabel() == "direction 1 (× filter norm)"]
    assert [axes.get_title() for axes in reliefs] == [label(arch) for arch in ARCHS]
    assert [hexed(axes.title.get_color()) for axes in reliefs] == [
        color(arch).lower() for arch in ARCHS
    ]
    for axes, arch in zip(flat, ARCHS, strict=True):
        part = table[table["arch"] == arch].sort_values(["y", "x"])
        mesh = axes.collections[0]
        np.testing.assert_array_equal(np.ravel(mesh.get_array()), part["loss"])
        assert mesh.norm.vmin == table["loss"].min()
        assert mesh.norm.vmax == table["loss"].max()
    bar = figure.axes[-1]
    assert bar.get_ylabel() == "loss (nats)"


def test_each_line_of_the_race_is_the_speed_of_what_is_named_beside_it():
    found = synthetic.bench()
    figure = bench(found)
    race, width, batch, plans = figure.axes
    for (place, name), row in zip(ticks(race.yaxis), found["speed"], strict=True):
        assert name == f"{label(row['architecture'])}, {row['kind']}, {row['precision']}"
        spread, mark = race.lines[2 * int(place)], race.lines[2 * int(place) + 1]
        speed = row["steps_per_second"]
        assert list(spread.get_xdata()) == [speed["low"], speed["high"]]
        assert list(mark.get_xdata()) == [speed["median"]]
        text = race.texts[int(place)]
        assert text.get_text() == f"{row['times_plain']['median']:.2f}×"
        assert text.xy == (speed["high"], place)
    for axes, what in ((width, "width"), (batch, "batch_size")):
        rows = [row for row in found["growth"] if row["grows"] == what]
        assert list(axes.lines[0].get_xdata()) == [row["size"] for row in rows]
        assert list(axes.lines[0].get_ydata()) == [row["seconds_per_step"] for row in rows]
    assert list(plans.lines[0].get_ydata()) == [row["seconds"] for row in found["dry_runs"]]


@pytest.fixture
def looked():
    """(arrays, info) of two networks in which no two numbers are equal."""
    random = np.random.default_rng(0)
    arrays = {"embedding_labels": np.array([0, 1, 2, 0, 1, 2])}
    networks = []
    for place, arch in enumerate(ARCHS):
        arrays[f"{place}/embedding"] = random.normal(size=(6, 2))
        count = 4
        networks.append(
            {
                "run": f"bands/{arch}/lr0.1/seed0",
                "arch": arch,
                "name": None,
                "learning_rate": 0.1,
                "seed": 0,
                "accuracy": random.uniform(),
                "class_accuracy": random.uniform(size=3).tolist(),
                "calibration_error": random.uniform(),
                "embedding_variance": random.uniform(size=2).tolist(),
                "reliability": {
                    "low": [0.0, 0.25, 0.5, 0.75],
                    "high": [0.25, 0.5, 0.75, 1.0],
                    "accuracy": random.uniform(size=4).tolist(),
                    "confidence": random.uniform(size=4).tolist(),
                    "images": random.integers(1, 50, 4).tolist(),
                },
                "robustness": {
                    "kind": [kind for kind in CORRUPTIONS for _ in range(count)],
                    "severity": [*range(count)] * len(CORRUPTIONS),
                    "amount": [None, 1, 2, 3] * len(CORRUPTIONS),
                    "accuracy": random.uniform(size=count * len(CORRUPTIONS)).tolist(),
                },
            }
        )
    return arrays, {"class_names": CLASSES, "networks": networks}


def test_a_reliability_diagram_is_of_the_network_above_it(looked):
    figure = insight_calibration(*looked)
    uppers = [axes for axes in figure.axes if axes.get_title()]
    lowers = [axes for axes in figure.axes if not axes.get_title()]
    assert uppers[0].get_ylabel() == "accuracy (%)"
    assert lowers[0].get_ylabel() == "images (%)"
    for upper, lower, network in zip(uppers, lowers, looked[1]["networks"], strict=True):
        assert upper.get_title().startswith(label(network["arch"]))
        bins = network["reliability"]
        heights = [bar.get_height() for bar in upper.patches]
        np.testing.assert_allclose(heights, 100 * np.array(bins["accuracy"]))
        assert [bar.get_x() for bar in upper.patches] == [0, 25, 50, 75]
        dots = upper.lines[-1]
        np.testing.assert_allclose(dots.get_xdata(), 100 * np.array(bins["confidence"]))
        np.testing.assert_allclose(dots.get_ydata(), 100 * np.array(bins["accuracy"]))
        shares = np.array(bins["images"]) / sum(bins["images"])
        np.testing.assert_allclose([bar.get_height() for bar in lower.patches], 100 * shares)
        (said,) = upper.get_legend().get_texts()
        assert said.get_text() == f"ECE {100 * network['calibration_error']:.1f} %"


def test_accuracies_by_class_stand_at_the_class_s_name(looked):
    figure = insight_classes(*looked)
    (axes,) = figure.axes
    assert [text for _, text in ticks(axes.yaxis)] == CLASSES
    colors = {text.split(",")[0]: tint for tint, text in named_colors(figure).items()}
    for network in looked[1]["networks"]:
        tint = colors[label(network["arch"])]
        marks, mean = (line for line in axes.lines if hexed(line.get_color()) == tint)
        np.testing.assert_allclose(marks.get_xdata(), 100 * np.array(network["class_accuracy"]))
        np.testing.assert_array_equal(np.round(marks.get_ydata()), range(3))
        np.testing.assert_allclose(mean.get_xdata(), 100 * network["accuracy"])


def test_robustness_is_accuracy_by_the_amount_of_what_is_named_below(looked):
    figure = insight_robustness(*looked)
    for axes, (kind, name) in zip(figure.axes, CORRUPTIONS.items(), strict=True):
        assert axes.get_xlabel() == name
        assert [text for _, text in ticks(axes.xaxis)] == ["none", "1", "2", "3"]
        for line, network in zip(axes.lines, looked[1]["networks"], strict=True):
            assert hexed(line.get_color()) == color(network["arch"]).lower()
            table = pd.DataFrame(network["robustness"])
            accuracy = 100 * table[table["kind"] == kind]["accuracy"]
            np.testing.assert_allclose(line.get_ydata(), accuracy)


def test_points_of_an_embedding_have_the_colour_of_their_class(looked):
    arrays, info = looked
    figure = insight_embedding(arrays, info)
    names = {text: tint for tint, text in named_colors(figure).items()}
    shown = [axes for axes in figure.axes if axes.lines]
    for place, (axes, network) in enumerate(zip(shown, info["networks"], strict=True)):
        assert axes.get_title().startswith(label(network["arch"]))
        for kind, name in enumerate(CLASSES):
            (points,) = [li for li in axes.lines if hexed(li.get_color()) == names[name]]
            expected = arrays[f"{place}/embedding"][arrays["embedding_labels"] == kind]
            np.testing.assert_array_equal(points.get_xydata(), expected)
        first, second = network["embedding_variance"]
        assert axes.get_xlabel() == f"component 1 ({100 * first:.0f} %)"
        assert axes.get_ylabel() == f"component 2 ({100 * second:.0f} %)"
