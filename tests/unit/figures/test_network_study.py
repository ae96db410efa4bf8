"""The network study's figures show its tables' numbers, and nothing covers anything."""

import json
import sys
import typing
from itertools import combinations
from types import SimpleNamespace

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from safetensors.numpy import save_file

from landscape.config import network_study
from landscape.config.study import load_study
from landscape.errors import UserError
from landscape.figures import draw, labels, style
from landscape.figures.colors import COLORS, color, marker
from landscape.figures.flops import accuracy_by_flops
from landscape.figures.frontier import frontier_cost, frontier_parameters
from landscape.figures.layers import kind_of, stages_of, structure
from landscape.figures.registry import FACTORS, FIGURES, FigureSpec
from landscape.figures.selection import wanted
from landscape.figures.sweeps import ablations, sweep
from landscape.notation import units
from landscape.notation.names import final_name
from landscape.report import captions
from landscape.storage.files import write_json
from landscape.storage.tables import read_table
from landscape.tables.network_study import aggregate_network
from landscape.tables.published import PUBLISHED
from support import synthetic_network
from support import synthetic_tables as synthetic
from support.artefacts import ROOT

STUDY = load_study([ROOT / "config.yaml"])
NETWORK = STUDY.network.model_copy(
    update={
        "sweeps": {name: STUDY.network.sweeps[name] for name in ("filters", "structure", "loss")},
        "tune": None,
    }
)
LOST = "network/sweep/loss/focal/seed2"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    synthetic_network.write_runs(folder, NETWORK, diverged=(LOST,))
    aggregate_network(NETWORK, folder)
    write_json(folder / "data/dataset.json", synthetic.dataset())
    return folder


@pytest.fixture(scope="module")
def tables(results):
    names = ("summary", "runs", "epochs", "layers")
    return {name: read_table(results / f"network/{name}.csv") for name in names}


def line(figure: Figure, gid: str, panel: int = 0):
    found = [a for a in figure.axes[panel].lines if a.get_gid() == gid]
    assert len(found) == 1, gid
    return found[0]


def has(figure: Figure, gid: str) -> bool:
    return any(a.get_gid() == gid for axes in figure.axes for a in axes.lines)


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def row(summary: pd.DataFrame, kind: str, level: str) -> pd.Series:
    return summary[(summary["kind"] == kind) & (summary["level"] == level)].iloc[0]


def test_a_sweep_shows_each_level_s_mean_interval_and_seeds_in_order(tables):
    figure = sweep(tables["summary"], tables["runs"], "filters")
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names == ["16", "32 (base)", "64"]
    for place, level in enumerate(("16", "32", "64")):
        expected = row(tables["summary"], "sweep", level)
        mean = line(figure, f"mean:{level}")
        np.testing.assert_allclose(
            mean.get_xdata(orig=False), 100 * expected["validation_accuracy"]
        )
        assert mean.get_ydata(orig=False) == [place]
        seeds = tables["runs"].loc[tables["runs"]["name"] == expected["run"], "validation_accuracy"]
        np.testing.assert_allclose(
            line(figure, f"seeds:{level}").get_xdata(orig=False), 100 * seeds
        )
    limits = row(tables["summary"], "sweep", "64")
    ends = [path.vertices[:, 0] for c in figure.axes[0].collections for path in c.get_paths()]
    interval = [100 * limits[f"validation_accuracy_{side}"] for side in ("low", "high")]
    assert any(np.allclose(end, interval) for end in ends)
    assert line(figure, "mean:32").get_markerfacecolor() == "white"
    difference = line(figure, "difference:16", panel=1).get_xdata(orig=False)
    expected = 100 * row(tables["summary"], "sweep", "16")["difference"]
    np.testing.assert_allclose(difference, expected)
    assert not has(figure, "difference:32")


def test_two_sweeps_fit_side_by_side(tables):
    figure = sweep(tables["summary"], tables["runs"], "structure")
    assert 2 * figure.get_figwidth() < style.WIDTH


def test_divergence_is_said_at_the_level(tables):
    figure = sweep(tables["summary"], tables["runs"], "loss")
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert "focal\n1 of 3 diverged" in names
    assert len(line(figure, "seeds:focal").get_xdata(orig=False)) == 2


def test_without_a_second_seed_there_is_no_interval(tables):
    summary, runs = tables["summary"].assign(seeds=1), tables["runs"]
    limits = [name for name in summary if name.endswith(("_low", "_high", "_std"))]
    summary[limits] = np.nan
    figure = sweep(summary, runs[runs["seed"] == 0], "filters")
    assert not [c for axes in figure.axes for c in axes.collections if len(c.get_paths())]


def test_ablations_show_paired_differences_of_each_network(tables):
    figure = ablations(tables["summary"], tables["runs"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["fast", "compact"]
    expected = row(tables["summary"], "ablation", "no whitening")
    np.testing.assert_allclose(
        line(figure, "difference:no whitening").get_xdata(orig=False), 100 * expected["difference"]
    )
    runs = tables["runs"].set_index(["name", "seed"])["validation_accuracy"]
    steps = runs["ablation/fast/no_whitening"] - runs["final/fast"]
    np.testing.assert_allclose(
        line(figure, "seeds:no whitening").get_xdata(orig=False), 100 * steps.dropna()
    )


def boxes(figure: Figure):
    """What labels and markers cover, in pixels, after everything is laid out."""
    style.stamp(figure, "a footer that takes its place")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for axes in figure.axes:
        marks = [Text.get_window_extent(text) for text in axes.texts]  # without lines to points
        points = [
            axes.transData.transform(np.column_stack(found.get_data(orig=False)))[0]
            for found in axes.lines
            if str(found.get_gid()).startswith(("ours", "augmented", "published"))
        ]
        yield marks, points


def covered(figure: Figure) -> int:
    """How many labels lie over another, or over a point."""
    count = 0
    for marks, points in boxes(figure):
        assert len(marks) >= 5
        count += sum(a.overlaps(b) for a, b in combinations(marks, 2))
        count += sum(mark.contains(x, y) for mark in marks for x, y in points)
    return count


def test_no_label_covers_a_point_or_another_label(tables):
    assert covered(frontier_parameters(tables["summary"])) == 0
    assert covered(frontier_cost(tables["summary"], tables["runs"])) == 0


def test_labels_that_all_stand_to_the_right_do_cover_something(tables, monkeypatch):
    """The control: the same count sees what the choice of places avoids."""
    monkeypatch.setattr(labels, "DIRECTIONS", ((1, 0),))
    monkeypatch.setattr(labels, "DISTANCES", labels.DISTANCES[:1])
    assert covered(frontier_parameters(tables["summary"])) > 0


def test_the_frontier_has_ours_with_and_without_views_and_what_is_published(tables):
    figure = frontier_parameters(tables["summary"])
    for level in ("fast", "compact", "accurate", "speedrun", "resnet18"):
        expected = row(tables["summary"], "final", level)
        for gid, measure in (("ours", "test_accuracy"), ("augmented", "test_accuracy_augmented")):
            x, y = line(figure, f"{gid}:{level}").get_data(orig=False)
            np.testing.assert_allclose(
                [x[0], y[0]], [expected["parameters"], 100 * (1 - expected[measure])]
            )
        tint = matplotlib.colors.to_rgb(COLORS[level])
        assert matplotlib.colors.to_rgb(line(figure, f"ours:{level}").get_color()) == tint
        assert line(figure, f"augmented:{level}").get_markerfacecolor() == "white"
    assert has(figure, "ours:plain")
    assert not has(figure, "augmented:plain")
    for entry in PUBLISHED:
        x, y = line(figure, f"published:{entry.name}").get_data(orig=False)
        assert (x[0], y[0]) == (entry.parameters, pytest.approx(100 - entry.accuracy))
    written = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert all(entry.name in written for entry in PUBLISHED)
    assert {"airbench94 design", "published, official pixels"} <= set(legend(figure))


def test_seconds_stand_with_their_hardware_and_operations_where_they_are_counted(tables):
    figure = frontier_cost(tables["summary"], tables["runs"])
    left, right = figure.axes
    assert synthetic_network.DEVICE in right.get_xlabel()
    assert "published: A100, H100" in right.get_xlabel()
    gids = [[found.get_gid() for found in axes.lines] for axes in (left, right)]
    assert "ours:plain" not in gids[0]
    assert "ours:plain" in gids[1]
    expected = row(tables["summary"], "final", "fast")
    assert line(figure, "ours:fast").get_xdata(orig=False) == [expected["train_flops"] / 1e15]
    assert line(figure, "ours:fast", panel=1).get_xdata(orig=False) == [expected["train_seconds"]]


def test_a_single_seed_and_no_views_are_no_obstacle(tables):
    summary = tables["summary"].copy()
    empty = [c for c in summary if c.endswith(("_low", "_high", "_std")) or "augmented" in c]
    summary[empty] = np.nan
    figure = frontier_parameters(summary[summary["kind"] == "final"])
    assert not has(figure, "augmented:fast")
    assert "open: six views of a test image" not in legend(figure)


def test_accuracy_by_flops_is_the_mean_of_the_seeds(tables):
    figure = accuracy_by_flops(tables["epochs"])
    part = tables["epochs"][tables["epochs"]["name"] == "final/fast"]
    x, y = line(figure, "mean:final/fast").get_data(orig=False)
    expected = part.groupby("epoch")["validation_accuracy"].mean()
    np.testing.assert_allclose(y, 100 * expected)
    np.testing.assert_allclose(x, part.groupby("epoch")["train_flops"].mean() / 1e15)
    assert len(figure.axes[0].lines) == len(STUDY.network.finals) * (1 + 5)


def test_a_structure_is_cut_where_the_side_changes_and_no_parameter_is_lost(tables):
    layers = tables["layers"]
    for network in ("fast", "compact", "resnet18"):
        part = layers[layers["network"] == network]
        stages = stages_of(part)
        assert sum(stage.parameters for stage in stages) == part["parameters"].sum()
        sides = [stage.side for stage in stages]
        assert len(set(sides)) == len(sides)
        assert stages[-1].bars[-1].kind == "linear"
    assert {
        bar.kind for s in stages_of(layers[layers["network"] == "compact"]) for bar in s.bars
    } == {
        "convolution",
        "depthwise convolution",
        "attention",
        "pooling",
        "linear",
    }
    figure = structure(layers)
    assert len(figure.axes) == len(STUDY.network.finals)
    total = layers.loc[layers["network"] == "fast", "parameters"].sum()
    assert figure.axes[1].get_title(loc="left").startswith(f"fast: {units.count(total)} parameters")


def test_a_shortcut_belongs_to_the_stage_that_it_leads_to():
    rows = [
        ("stem", "convolution", "8×32×32", 1),
        ("block.shortcut.0", "convolution", "16×16×16", 10),
        ("block.shortcut.1", "normalization", "16×16×16", 100),
        ("block.expand", "convolution", "32×32×32", 1000),
        ("block.filter", "convolution", "16×16×16", 10000),
        ("output_layer", "linear", "10", 100000),
    ]
    layers = pd.DataFrame(rows, columns=["layer", "kind", "output_shape", "parameters"])
    assert [stage.parameters for stage in stages_of(layers)] == [1001, 10110, 100000]
    assert kind_of("normalization", "block.shortcut.1") is None
    with pytest.raises(UserError, match="no layer is of a kind"):
        stages_of(layers.assign(kind="activation", layer="a"))


def test_what_is_not_there_is_said(tables):
    summary, runs = tables["summary"], tables["runs"]
    with pytest.raises(UserError, match="no levels of the factor 'optimizer'"):
        sweep(summary, runs, "optimizer")
    with pytest.raises(UserError, match="no ablations"):
        ablations(summary[summary["kind"] == "sweep"], runs)
    with pytest.raises(UserError, match="there is no final network"):
        frontier_parameters(summary[summary["kind"] == "sweep"])
    with pytest.raises(UserError, match="lacks the columns .*'family'"):
        frontier_parameters(summary.drop(columns="family"))
    broken = tables["epochs"].assign(train_flops=np.inf)
    with pytest.raises(UserError, match="non-finite values of 'train_flops'"):
        accuracy_by_flops(broken)
    with pytest.raises(UserError, match="non-finite values of 'parameters'"):
        frontier_parameters(summary.assign(parameters=np.inf))


def test_a_figure_by_its_name_says_what_it_shows(results, tmp_path, monkeypatch):
    stamped = []
    monkeypatch.setattr(draw, "stamp", lambda figure, text: stamped.append(text))
    files = [(tmp_path / f"{i}.png", tmp_path / f"{i}.pdf") for i in range(2)]
    for png, pdf in files:
        draw.draw("sweep_filters", results, STUDY.figures, png, pdf)
    assert files[0][0].read_bytes() == files[1][0].read_bytes()
    assert files[0][1].read_bytes() == files[1][1].read_bytes()
    assert "seeds 0, 1, 2" in stamped[0]  # not the five of the final networks
    assert "not the official pixels" in stamped[0]


def test_figures_of_inspected_runs_come_from_arrays_and_name_those_runs(
    results, tmp_path, monkeypatch
):
    save_file({"0/maps": np.arange(4.0)}, results / "network/insight.safetensors")
    made = [("bfloat16", "NVIDIA H100 80GB HBM3", 3), ("float32", synthetic_network.DEVICE, 1)]
    ids = ["network/final/fast/seed3", "bands/vgg_a/lr0.0005/seed1"]
    networks = [
        {"run": run, "precision": precision, "device": device, "seed": seed, "train_images": 49_000}
        for run, (precision, device, seed) in zip(ids, made, strict=True)
    ]
    write_json(results / "network/insight.json", {"networks": networks})
    arguments = ("network/insight.safetensors", "network/insight.json")
    spec = FigureSpec("figure_of_a_test", "recorded", "network", arguments, needs="insight")
    assert spec.tables == (*arguments, "data/dataset.json")  # no run but those makes it stale
    stamped = []
    monkeypatch.setattr(draw, "stamp", lambda figure, text: stamped.append(text))
    monkeypatch.setitem(sys.modules, "figure_of_a_test", SimpleNamespace(recorded=recorded))
    monkeypatch.setitem(FIGURES, "insight_test", spec)
    png, pdf = tmp_path / "a.png", tmp_path / "a.pdf"
    draw.draw("insight_test", results, STUDY.figures, png, pdf)
    arrays, info = SEEN
    np.testing.assert_array_equal(arrays["0/maps"], np.arange(4.0))
    assert [network["run"] for network in info["networks"]] == ids
    assert stamped[0].endswith(
        "AMD EPYC 9V74 80-Core Processor, NVIDIA H100 80GB HBM3 · bfloat16, float32 · seeds 1, 3"
    )
    (results / "network/insight.safetensors").write_bytes(b"no tensors")
    with pytest.raises(UserError, match=r"insight\.safetensors: not readable as safetensors"):
        draw.draw("insight_test", results, STUDY.figures, png, pdf)


SEEN: list = []


def recorded(arrays, info) -> Figure:
    SEEN[:] = [arrays, info]
    return style.new_figure(height=1)


def test_a_configuration_has_the_figures_that_it_asks_for():
    network = STUDY.network
    every = wanted(STUDY)
    assert {f"sweep_{factor}" for factor in network.sweeps} <= set(every)
    assert {"ablations", "frontier_parameters", "frontier_cost", "structure"} <= set(every)
    bare = wanted(STUDY.model_copy(update={"network": None}))
    assert bare == [
        name for name, spec in FIGURES.items() if spec.study not in ("network", "bench")
    ]
    few = network.model_copy(
        update={"sweeps": {"loss": network.sweeps["loss"]}, "ablations": {}, "insight": None}
    )
    names = wanted(STUDY.model_copy(update={"network": few}))
    assert [name for name in names if name.startswith("sweep_")] == ["sweep_loss"]
    assert "ablations" not in names
    assert not [name for name in names if FIGURES[name].needs == "insight"]
    none = network.model_copy(update={"finals": {}, "sweeps": {}, "ablations": {}})
    assert not {"structure", "frontier_cost"} & set(
        wanted(STUDY.model_copy(update={"network": none}))
    )


def test_the_registry_knows_every_factor_and_every_family():
    assert set(FACTORS) == set(typing.get_args(network_study.Factor))
    families = {*synthetic_network.FAMILIES}
    assert len({color(family) for family in families}) == len(families)
    assert len({marker(family) for family in families}) == len(families)
    assert final_name("fast", "fast") == "fast"
    assert final_name("speedrun", "speedrun") == "airbench94 design"
    assert final_name("wider", "fast") == "wider"
    study = json.loads(STUDY.network.model_dump_json())
    for factor in study["sweeps"]:
        assert "{" not in captions.filled(f"sweep_{factor}", STUDY).text


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        (units.count, 450, "450"),
        (units.count, 97_530, "97.5 k"),
        (units.count, 1_973_554, "1.97 M"),
        (units.count, 999_999, "1.00 M"),
        (units.duration, 7.25, "7.25 s"),
        (units.duration, 750, "12.5 min"),
        (units.duration, 63_000, "17.5 h"),
        (units.operations, 82.8e6, "82.8 MFLOP"),
        (units.petaflops, 0.29e15, "0.290 PFLOP"),
        (units.petaflops, 71e15, "71.0 PFLOP"),
        (units.petaflops, 3e9, "3.00 GFLOP"),
    ],
)
def test_sizes_and_times(function, value, text):
    assert function(value) == text
