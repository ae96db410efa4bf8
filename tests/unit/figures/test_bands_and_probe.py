"""Figures show the tables' numbers, in the project's colours, with the same bytes every time."""

import subprocess
import sys
from pathlib import Path

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from landscape.config.study import Figures, load_study
from landscape.errors import UserError
from landscape.figures import bands, colors, parts, probe, samples, style, training
from landscape.figures.draw import draw
from landscape.figures.registry import FIGURES
from landscape.report import captions
from support import synthetic_tables as synthetic
from support.artefacts import ROOT

RAW = Figures(smoothing_steps=1)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.write_results(tmp_path_factory.mktemp("results"))


def artist(figure: Figure, name: str, panel: int = 0):
    found = [a for a in figure.axes[panel].collections if a.get_gid() == name]
    assert len(found) == 1, name
    return found[0]


def limits(figure: Figure, name: str, panel: int = 0) -> pd.DataFrame:
    """Lowest and highest vertex of a band's polygon at each step."""
    vertices = artist(figure, name, panel).get_paths()[0].vertices
    return pd.DataFrame(vertices, columns=["x", "y"]).groupby("x")["y"].agg(["min", "max"])


def rows(table: pd.DataFrame, measure: str, arch: str) -> pd.DataFrame:
    part = table[(table["measure"] == measure) & (table["arch"] == arch)]
    return part[part["minimum"].notna()].sort_values("step")


@pytest.mark.parametrize(
    ("function", "measure", "panel"),
    [
        (bands.VGG_Loss_Landscape, "loss", 0),
        (bands.VGG_Grad_Pred, "gradient_distance", 0),
        (bands.VGG_Grad_Pred, "output_gradient_distance", 1),
        (bands.VGG_Beta_Smooth, "beta", 0),
    ],
)
@pytest.mark.parametrize("arch", synthetic.ARCHITECTURES)
def test_the_band_is_the_tables_minimum_and_maximum(function, measure, panel, arch):
    table = synthetic.bands(seeds=(0,))
    figure = function(table)
    band, expected = limits(figure, f"band:{arch}", panel), rows(table, measure, arch)
    np.testing.assert_array_equal(band.index, expected["step"])
    np.testing.assert_array_equal(band["min"], expected["minimum"])
    np.testing.assert_array_equal(band["max"], expected["maximum"])
    tint = matplotlib.colors.to_rgb(colors.COLORS[arch])
    assert artist(figure, f"band:{arch}", panel).get_facecolor()[0][:3] == pytest.approx(tint)


def test_seeds_show_as_they_are_and_the_band_is_their_median():
    table = synthetic.bands(seeds=(0, 1, 2))
    figure = bands.VGG_Loss_Landscape(table)
    wide = rows(table, "loss", "vgg_a").pivot(index="step", columns="seed")
    band = limits(figure, "band:vgg_a")
    np.testing.assert_allclose(band["max"], wide["maximum"].median(axis=1))
    np.testing.assert_allclose(band["min"], wide["minimum"].median(axis=1))
    np.testing.assert_array_equal(limits(figure, "seed:vgg_a:2")["max"], wide["maximum"][2])


def test_smoothing_is_a_median_that_leaves_step_0_and_the_raw_values_visible():
    table = synthetic.bands(seeds=(0,))
    figure = bands.VGG_Loss_Landscape(table, smoothing_steps=21)
    raw = rows(table, "loss", "vgg_a")
    band = limits(figure, "band:vgg_a")
    assert band["max"].iloc[0] == raw["maximum"].iloc[0]
    assert band["max"].iloc[100] == np.median(raw["maximum"].iloc[90:111])
    np.testing.assert_array_equal(limits(figure, "seed:vgg_a:0")["max"], raw["maximum"])


def test_smooth():
    values = np.array([100.0, 1, 2, 3, 50, 4, 5])
    smoothed = style.smooth(values, 3)
    np.testing.assert_array_equal(smoothed, [100, 2, 2, 3, 4, 5, 4.5])
    np.testing.assert_array_equal(style.smooth(values, 1), values)


def texts(figure: Figure) -> str:
    return " | ".join(text.get_text() for text in figure.legends[0].get_texts())


def test_a_diverged_run_is_marked_where_it_leaves():
    figure = bands.VGG_Loss_Landscape(synthetic.bands(diverged=True))
    assert f"VGG-A (seed 0): 3 of 4 runs from step {synthetic.DIVERGED_AT}" in texts(figure)
    marks = [line for line in figure.axes[0].lines if line.get_linestyle() == ":"]
    assert [line.get_xdata()[0] for line in marks] == [synthetic.DIVERGED_AT]
    assert marks[0].get_color() == colors.COLORS["vgg_a"]
    whole = synthetic.bands()
    whole.loc[50, "runs"] = 3  # one value missing at one step
    assert "runs from" not in texts(bands.VGG_Loss_Landscape(whole))


def test_the_probe_shows_step_0_raw_in_a_panel_of_its_own():
    table = synthetic.probe_bands(synthetic.probe(seeds=(0,)))
    figure = probe.probe_beta(table, smoothing_steps=100)
    start, course = figure.axes
    expected = rows(table, "beta", "vgg_a_bn").iloc[0]
    bars = [path.vertices[:, 1] for c in start.collections for path in c.get_paths()]
    assert any(np.allclose(bar, [expected["minimum"], expected["maximum"]]) for bar in bars)
    assert limits(figure, "band:vgg_a_bn", panel=1)["max"].iloc[0] == expected["maximum"]


def test_the_heatmap_shows_the_geometric_mean_over_seeds_on_one_scale():
    table = synthetic.probe(seeds=(0, 1))
    figure = probe.probe_beta_heatmap(table)
    meshes = [axes.collections[0] for axes in figure.axes[:2]]
    part = table[(table["arch"] == "vgg_a_bn") & (table["relative_step_size"] == 0.015625)]
    expected = part.groupby("step")["beta"].apply(lambda b: np.sqrt(np.prod(b)))
    np.testing.assert_allclose(meshes[1].get_array()[0], expected)
    assert meshes[0].norm is meshes[1].norm
    assert meshes[0].get_rasterized()


def test_the_parts_are_medians_over_the_gradient_s_length():
    table = synthetic.probe(seeds=(0, 1))
    figure = parts.probe_parts(table)
    left, right = figure.axes
    part = table[table["arch"] == "vgg_a"]
    for line, measure in zip(left.lines[:2], ("smooth_distance", "rest_distance"), strict=True):
        share = part[measure] / part["gradient_norm"]
        expected = share.groupby(part["relative_step_size"]).median()
        np.testing.assert_allclose(line.get_ydata(), expected)
        assert line.get_color() == colors.COLORS["vgg_a"]
    assert left.lines[0].get_linestyle() != left.lines[1].get_linestyle()
    flips = part.groupby("relative_step_size")["pool_flips"].median()
    np.testing.assert_allclose(right.lines[1].get_ydata(), flips)
    smooth = parts.probe_parts(table.assign(relu_flips=0.0, pool_flips=0.0))  # no kinks at all
    assert np.isnan(smooth.axes[1].lines[0].get_ydata()).all()
    with pytest.raises(UserError, match="rest_distance"):
        parts.probe_parts(table.drop(columns="rest_distance"))


def test_training_curves_end_in_test_accuracy_except_for_diverged_runs():
    runs = synthetic.runs(diverged=True)
    figure = training.training_curves(synthetic.epochs(), runs)
    stars = np.concatenate([c.get_offsets()[:, 1] for c in figure.axes[2].collections])
    expected = 100 * runs["test_accuracy"].dropna()
    np.testing.assert_allclose(np.sort(stars), np.sort(expected))
    assert figure.axes[2].get_ylabel() == "training accuracy (%)"
    validated = training.training_curves(synthetic.epochs(validation=True), runs)
    assert validated.axes[2].get_ylabel() == "validation accuracy (%)"


def test_samples_are_the_first_images_of_each_class():
    labels = np.tile([1, 0], 6)
    pixels = np.arange(12, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 4, 4), np.uint8)
    image = samples.samples(pixels, labels, ["a", "b"]).axes[0].images[0].get_array()
    np.testing.assert_array_equal(image[0, 0 : 6 * 6 : 6, 0], [1, 3, 5, 7, 9, 11])
    np.testing.assert_array_equal(image[6, 0 : 6 * 6 : 6, 0], [0, 2, 4, 6, 8, 10])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_figure_is_drawn_from_a_number_that_is_not_finite(value, tmp_path):
    table = synthetic.bands()
    table.loc[50, "maximum"] = value  # a loss
    with pytest.raises(UserError, match=r"'loss'.*'maximum'.*vgg_a.*step 50"):
        bands.VGG_Loss_Landscape(table)
    first = (table["measure"] == "loss") & (table["step"] == 0)
    with pytest.raises(UserError, match="'loss'"):
        bands.VGG_Loss_Landscape(table.assign(minimum=table["minimum"].mask(first, value)))
    probed = synthetic.probe()
    probed.loc[3, "beta"] = value
    with pytest.raises(UserError, match="'beta'"):
        probe.probe_beta_heatmap(probed)
    epochs = synthetic.epochs()
    epochs.loc[3, "train_loss"] = value
    with pytest.raises(UserError, match="'train_loss'"):
        training.training_curves(epochs, synthetic.runs())


def test_the_file_is_named_when_a_table_cannot_be_drawn(tmp_path):
    folder = synthetic.write_results(tmp_path, seeds=(0,))
    table = pd.read_parquet(folder / "bands/bands.parquet")
    table.loc[50, "maximum"] = np.nan
    table.to_parquet(folder / "bands/bands.parquet")
    with pytest.raises(UserError, match=r"bands\.parquet.*'loss'"):
        draw("loss_landscape", folder, RAW, tmp_path / "a.png", tmp_path / "a.pdf")
    assert not (tmp_path / "a.png").exists()
    with pytest.raises(UserError, match="no figure 'nonsense'"):
        draw("nonsense", folder, RAW, tmp_path / "a.png", tmp_path / "a.pdf")


@pytest.mark.parametrize("name", ["gradient_predictiveness", "probe_beta_heatmap"])
def test_the_same_tables_give_the_same_bytes(name, results, tmp_path):
    files = [(tmp_path / f"{i}.png", tmp_path / f"{i}.pdf") for i in range(2)]
    for png, pdf in files:
        draw(name, results, RAW, png, pdf)
    assert files[0][0].read_bytes() == files[1][0].read_bytes()
    assert files[0][1].read_bytes() == files[1][1].read_bytes()


def test_three_architectures_have_three_colours():
    names = ("vgg_a", "vgg_a_bn", "vgg_a_ln")
    figure = bands.VGG_Loss_Landscape(synthetic.bands(names, seeds=(0,)))
    assert "VGG-A + LayerNorm" in texts(figure)
    assert len({tuple(artist(figure, f"band:{n}").get_facecolor()[0]) for n in names}) == 3


def test_every_figure_has_a_caption_and_every_table_is_listed():
    assert set(FIGURES) == set(captions.CAPTIONS)
    study = load_study([ROOT / "config.yaml"])
    for name, spec in FIGURES.items():
        assert "{" not in captions.filled(name, study).text
        assert set(spec.arguments) < set(spec.tables)
        assert "data/dataset.json" in spec.tables
    assert "running median over 50 steps" in captions.filled("loss_landscape", study).text
    assert "not smoothed" in captions.filled("probe_beta", study).text


def test_the_registry_and_the_captions_import_nothing_heavy():
    code = (
        "import sys, landscape.figures.registry, landscape.figures.colors\n"
        "import landscape.report.captions\n"
        "print([m for m in ('matplotlib', 'pandas', 'numpy', 'torch') if m in sys.modules])"
    )
    folder = ROOT / "workflow"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder
    )
    assert done.stdout.strip() == "[]"
