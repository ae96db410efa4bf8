"""Figures of the network study as a reader reads them: label → colour → data → axis."""

from itertools import pairwise

import numpy as np
import pytest

from landscape.config.study import load_study
from landscape.figures.flops import accuracy_by_flops
from landscape.figures.frontier import frontier_cost, frontier_parameters
from landscape.figures.insight.judgement import insight_confusion
from landscape.figures.sweeps import ablations, sweep
from landscape.notation.settings import level_name
from landscape.storage.tables import read_table
from landscape.tables.network_study import aggregate_network
from support import synthetic_network
from support.artefacts import ROOT
from support.shown import hexed, spans, ticks

NETWORK = load_study([ROOT / "config.yaml"]).network


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    synthetic_network.write_runs(folder, NETWORK)
    aggregate_network(NETWORK, folder)
    names = ("summary", "runs", "epochs", "tuning")
    return {name: read_table(folder / f"network/{name}.csv") for name in names}


@pytest.mark.parametrize("factor", NETWORK.sweeps)
def test_each_level_s_bars_stand_beside_its_name(tables, factor):
    figure = sweep(tables["summary"], tables["runs"], factor)
    rows = tables["summary"]
    rows = rows[(rows["kind"] == "sweep") & (rows["group"] == factor)]
    by_name = {level_name(row["level"]): row for row in rows.to_dict("records")}
    for axes, measure in zip(figure.axes, ("validation_accuracy", "difference"), strict=True):
        drawn = spans(axes)
        assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first level on top
        assert [text.removesuffix(" (base)") for _, text in ticks(axes.yaxis)] == list(by_name)
        for place, text in ticks(axes.yaxis):
            row = by_name[text.removesuffix(" (base)")]
            assert text.endswith(" (base)") == (row["run"].split("/")[0] == "base")
            ends = 100 * row[f"{measure}_low"], 100 * row[f"{measure}_high"]
            if not np.isnan(ends[0]):
                assert drawn.pop(place) == pytest.approx(ends)
        assert not drawn


@pytest.mark.parametrize("factor", NETWORK.sweeps)
def test_each_level_s_rates_stand_beside_it(tables, factor):
    """At the right the chosen one; grey, above the mean, the accuracies that the others reached."""
    means, differences = sweep(tables["summary"], tables["runs"], factor).axes
    rows, tuning = tables["summary"], tables["tuning"]
    rows = rows[(rows["kind"] == "sweep") & (rows["group"] == factor)].to_dict("records")
    (side,) = differences.child_axes
    chosen = tuning[tuning["chosen"] == 1].set_index("setting")["learning_rate"]
    for place, row in enumerate(rows):
        setting = "base" if row["run"].startswith("base") else "/".join(row["run"].split("/")[:3])
        assert ticks(side.yaxis)[place] == (place, f"{chosen[setting]:g}")
        others = tuning[(tuning["setting"] == setting) & (tuning["chosen"] == 0)]
        (marks,) = [line for line in means.lines if line.get_gid() == f"tried:{row['level']}"]
        assert set(marks.get_xdata()) == set(100 * others["validation_accuracy"])
        assert all(place - 0.5 < at < place for at in marks.get_ydata())
        (mean,) = [line for line in means.lines if line.get_gid() == f"mean:{row['level']}"]
        left, right = means.get_xlim()
        assert left < mean.get_xdata(orig=False)[0] < right  # whatever the others reached


def test_each_ablation_s_bar_stands_beside_its_name_below_its_network(tables):
    figure = ablations(tables["summary"], tables["runs"])
    rows = tables["summary"][tables["summary"]["kind"] == "ablation"]
    for axes in figure.axes:
        mine = rows[rows["group"] == axes.get_title(loc="left")]
        by_name = {level_name(row["level"]): row for row in mine.to_dict("records")}
        drawn = spans(axes)
        assert [text for _, text in ticks(axes.yaxis)] == list(by_name)
        for place, text in ticks(axes.yaxis):
            row = by_name[text]
            ends = 100 * row["difference_low"], 100 * row["difference_high"]
            assert drawn[place] == pytest.approx(ends)


def finals(summary):
    return summary[summary["kind"].isin(["final", "plain"])].to_dict("records")


def legend_of(figure):
    """{text: (marker, colour)}"""
    legend = figure.legends[0]
    return {
        text.get_text(): (handle.get_marker(), hexed(handle.get_color()))
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True)
    }


def test_each_point_of_the_frontier_is_the_network_of_its_look(tables):
    figure = frontier_parameters(tables["summary"], published=False)
    (axes,) = figure.axes
    looks = legend_of(figure)
    names = {"speedrun": "airbench94 design", "resnet18": "ResNet-18", "plain": "plain tensors"}
    for row in finals(tables["summary"]):
        look = looks[names.get(row["level"], row["level"])]
        (point,) = [
            line
            for line in axes.lines
            if (line.get_marker(), hexed(line.get_color())) == look
            and line.get_xdata()[0] == row["parameters"]
            and line.get_ydata()[0] == pytest.approx(100 * (1 - row["test_accuracy"]))
        ]
        assert hexed(point.get_markerfacecolor()) == look[1]
        if not np.isnan(row["test_accuracy_low"]):
            interval = 100 * (1 - row["test_accuracy_high"]), 100 * (1 - row["test_accuracy_low"])
            every = [
                tuple(path.vertices[:, 1])
                for collection in axes.collections
                for path in collection.get_paths()
                if path.vertices[0, 0] == row["parameters"]
            ]
            assert any(found == pytest.approx(interval) for found in every)


def test_the_frontier_is_of_the_networks_that_no_other_beats(tables):
    rows = finals(tables["summary"])
    for axes, cost, unit in _costs(tables):
        (staircase,) = [line for line in axes.lines if line.get_linestyle() == "--"]
        corners = list(zip(*staircase.get_data(), strict=True))
        points = [(row[cost] * unit, 100 * (1 - row["test_accuracy"])) for row in rows]
        points = [point for point in points if not np.isnan(point[0])]
        unbeaten = {
            (x, y)
            for x, y in points
            if not any(a <= x and b <= y and (a, b) != (x, y) for a, b in points)
        }
        assert unbeaten <= set(corners)
        assert all(b[0] >= a[0] and b[1] <= a[1] for a, b in pairwise(corners))
        assert not any(x < a and y < b for x, y in points for a, b in corners[::2])


def _costs(tables):
    (axes,) = frontier_parameters(tables["summary"], published=False).axes
    yield axes, "parameters", 1
    left, right = frontier_cost(tables["summary"], tables["runs"], published=False).axes
    assert "operations" in left.get_xlabel()
    assert "time (s)" in right.get_xlabel()
    yield left, "train_flops", 1e-15
    yield right, "train_seconds", 1


def test_each_curve_of_operations_is_the_network_of_its_label(tables):
    figure = accuracy_by_flops(tables["epochs"])
    (axes,) = figure.axes
    epochs = tables["epochs"]
    names = {"airbench94 design": "speedrun", "ResNet-18": "resnet18"}
    looks = legend_of(figure)
    assert len(looks) == len(NETWORK.finals)
    for text, (marker, color) in looks.items():
        part = epochs[epochs["name"] == f"final/{names.get(text, text)}"]
        means = part.groupby("epoch")[["train_flops", "validation_accuracy"]].mean()
        assert any(
            line.get_marker() == marker
            and hexed(line.get_color()) == color
            and len(line.get_xdata()) == len(means)
            and np.allclose(line.get_xdata(), means["train_flops"] / 1e15)
            and np.allclose(line.get_ydata(), 100 * means["validation_accuracy"])
            for line in axes.lines
        ), text


def test_each_cell_of_a_confusion_is_of_the_classes_beside_it():
    random = np.random.default_rng(0)
    names = [f"class {place}" for place in range(10)]
    networks = [
        {"run": f"r{k}", "arch": arch, "name": None, "learning_rate": 0.1, "seed": 0}
        | {"confusion": random.integers(1, 99, (10, 10)).tolist()}
        for k, arch in enumerate(("vgg_a", "vgg_a_bn"))
    ]
    figure = insight_confusion({}, {"class_names": names, "networks": networks})
    titles = ("VGG-A", "VGG-A + BatchNorm")
    shown = [axes for axes in figure.axes if axes.images]
    for axes, title, network in zip(shown, titles, networks, strict=True):
        assert axes.get_title().startswith(title)
        counts = np.array(network["confusion"], dtype=float)
        shares = 100 * counts / counts.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(axes.images[0].get_array(), shares)
        assert [text for _, text in ticks(axes.xaxis)] == names
        for text in axes.texts:
            column, row = text.get_position()
            assert text.get_text() == f"{shares[row, column]:.0f}"
        assert axes.get_xlabel() == "called"
    assert shown[0].get_ylabel() == "is"
    assert [text for _, text in ticks(shown[0].yaxis)] == names
