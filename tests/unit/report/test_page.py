"""report.html shows the values of the tables, in one file that needs no other."""

import html
import re
import shutil

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from landscape.errors import UserError
from landscape.figures import bands as band_figures
from landscape.figures import colors
from landscape.figures.envelope import select
from landscape.figures.probe import NO_STEP_SIZE
from landscape.notation import units
from landscape.notation.numbers import number, percent
from landscape.report import build as pdf
from landscape.report.content import content
from landscape.report.page import build, plots, prose
from landscape.report.page.bands import bands
from landscape.report.page.magnitude import magnitude
from landscape.report.page.probe import step_sizes
from landscape.storage.tables import read_table
from landscape.tables.published import PUBLISHED
from support import synthetic_tables as synthetic
from support.page import Page, element, page_of, whole_page
from support.report import study_of, text_of

LARGEST = 6_000_000  # bytes
CLOSE = {"rtol": 1e-3}  # four digits


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Page:
    """Three seeds, nothing smoothed."""
    study = study_of()
    figures = study.figures.model_copy(update={"smoothing_steps": 1})
    return page_of(tmp_path_factory.mktemp("raw"), study.model_copy(update={"figures": figures}))


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Page:
    return whole_page(tmp_path_factory.mktemp("whole"))


def test_the_page_says_what_the_pdf_says(raw):
    pdf.build(raw.results, raw.study, raw.results / "report.pdf")
    printed = text_of(raw.results / "report.pdf", "-f", "1", "-l", "1").replace("\u00a0", " ")
    answer = html.unescape(element(raw.text, "answer"))
    assert answer == " ".join(raw.said["answer"])
    for sentence in raw.said["answer"]:
        assert sentence in printed
    assert raw.said["title"] in raw.words
    assert raw.said["setup"] in raw.words
    for row in raw.said["claims"]["body"]:
        for cell in row[:-1]:
            assert all(line in raw.words for line in cell.split("\n")), cell
    for question in raw.said["questions"]:
        assert question["title"] in raw.words
    assert "⟨" not in raw.text


def test_one_file_is_all_that_it_needs(whole):
    assert len(whole.text.encode()) < LARGEST
    page = whole.text.replace(element(whole.text, "plotly"), "")
    addresses = set(re.findall(r'(?:src|href)="([^"]+)"', page))
    assert "report.pdf" in addresses
    for address in addresses:
        if address.startswith("#"):
            assert f'id="{address[1:]}"' in page, address
        elif not address.startswith("data:") and address != "report.pdf":
            assert (whole.results / address).is_file(), address
    assert not re.findall(r"url\(|@import|fetch\(|<link(?! rel=\"icon\" href=\"data:,\")", page)


def test_the_same_results_give_the_same_page(raw, tmp_path):
    build.build(raw.results, raw.study, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == raw.text.encode()


@pytest.mark.parametrize("arch", synthetic.ARCHITECTURES)
def test_the_bands_are_the_tables_medians_over_seeds(raw, arch):
    tables = [read_table(raw.results / f"{name}/bands.parquet") for name in ("bands", "probe")]
    place = 2 * synthetic.ARCHITECTURES.index(arch)
    for choice, (*measures, _) in enumerate(CHOICES):
        for panel, (table, measure) in enumerate(zip(tables, measures, strict=True)):
            if measure is None:
                continue
            rows = select(table, measure, null_at_start=True)
            middle = rows[rows["arch"] == arch].groupby("step")[["minimum", "maximum"]].median()
            traces = raw.panel("bands", choice, panel)["traces"]
            low, high = traces[place : place + 2]
            assert high["line"]["color"] == colors.color(arch)
            assert low["x"] == high["x"] == list(middle.index)
            np.testing.assert_allclose(low["y"], middle["minimum"], **CLOSE)
            np.testing.assert_allclose(high["y"], middle["maximum"], **CLOSE)


CHOICES = [
    ("loss", "loss", "log"),
    ("gradient_distance", "gradient_distance", "log"),
    ("output_gradient_distance", None, "log"),
    ("beta", "beta", "log"),
]


def test_the_slider_chooses_a_step_size_of_the_probe(raw):
    table = read_table(raw.results / "probe/probe.parquet")
    plot = raw.plots["step_sizes"]
    sizes = plot["slider"]["positions"]
    assert sizes == [units.times_rate(size) for size in synthetic.RELATIVE]
    assert sizes[plot["slider"]["start"]] == "lr"
    measures = ("loss", "gradient_distance", "gradient_cosine", "beta")
    for choice, measure in zip(plot["choices"], measures, strict=True):
        for size, traces in zip(synthetic.RELATIVE, choice["panels"][0]["moving"], strict=True):
            for arch, trace in zip(synthetic.ARCHITECTURES, traces, strict=True):
                rows = table[(table["arch"] == arch) & (table["relative_step_size"] == size)]
                middle = rows.groupby("step")[measure].median()
                assert trace["x"] == list(middle.index)
                np.testing.assert_allclose(trace["y"], middle, **CLOSE)


def test_beta_by_step_and_step_size_is_the_geometric_mean_over_seeds(raw):
    table = read_table(raw.results / "probe/probe.parquet").assign(log=lambda t: np.log(t["beta"]))
    for place, arch in enumerate(synthetic.ARCHITECTURES):
        (trace,) = raw.panel("beta", panel=place)["traces"]
        rows = table[table["arch"] == arch]
        grid = rows.groupby(["relative_step_size", "step"])["log"].mean().unstack("step")
        assert trace["x"] == list(grid.columns)
        np.testing.assert_allclose(trace["customdata"], np.exp(grid), **CLOSE)
        np.testing.assert_allclose(10.0 ** np.array(trace["z"]), np.exp(grid), rtol=1e-2)


def test_every_final_network_is_where_its_accuracy_and_cost_are(whole):
    summary = read_table(whole.results / "network/summary.csv")
    rows = summary[summary["kind"].isin(["final", "plain"])].set_index("level")
    columns = {"parameters": 1e6, "train_flops": 1e15, "train_seconds": 1.0}
    for choice, (column, unit) in enumerate(columns.items()):
        traces = whole.panel("cost", choice)["traces"]
        shown = {trace["name"]: trace for trace in traces if trace.get("showlegend") is True}
        known = rows[rows[column].notna()]
        assert len(shown) == len(known)
        for level, row in known.iterrows():
            trace = shown[
                {"speedrun": "airbench94 design", "resnet18": "ResNet-18"}.get(
                    level, "plain tensors" if row["kind"] == "plain" else level
                )
            ]
            np.testing.assert_allclose(trace["x"], row[column] / unit, **CLOSE)
            np.testing.assert_allclose(trace["y"], 100 * (1 - row["test_accuracy"]), **CLOSE)
            reach = 100 * (row["test_accuracy"] - row["test_accuracy_low"])
            reach = 0 if np.isnan(reach) else reach  # of fewer than three seeds: no bar
            np.testing.assert_allclose(trace["error_y"]["array"], reach, **CLOSE)
    (theirs,) = [t for t in whole.panel("cost")["traces"] if t.get("name") == "published"]
    assert len(theirs["text"]) == len(PUBLISHED)
    assert any("cifar10-tiniest" in text for text in theirs["text"])


def test_a_surface_is_the_table_s_loss(whole):
    table = read_table(whole.results / "network/surface.parquet")
    for place, (_, rows) in enumerate(table.groupby("run", sort=False)):
        (trace,) = whole.panel("surfaces", panel=place)["traces"]
        grid = rows.pivot(index="y", columns="x", values="loss")
        np.testing.assert_allclose(trace["customdata"], grid, **CLOSE)
        np.testing.assert_allclose(trace["z"], np.log10(grid), atol=1e-3)
        assert (trace["x"], trace["y"]) == (list(grid.columns), list(grid.index))


def test_plotly_knows_every_property(whole):
    for plot in whole.plots.values():
        for choice in plot["choices"]:
            for panel in choice["panels"]:
                for traces in (panel["traces"], *panel["moving"]):
                    go.Figure(data=traces, layout=panel["layout"])


def test_what_is_not_studied_is_left_out(raw, whole):
    assert list(raw.plots) == ["bands", "step_sizes", "beta"]
    assert list(whole.plots) == ["bands", "step_sizes", "beta", "cost", "surfaces"]
    assert "Which network is best?" not in raw.words
    assert "Final networks" in whole.words
    assert 'id="cost"' not in raw.text


@pytest.mark.parametrize(
    ("left_out", "expected"),
    [
        (["probe"], ["bands", "cost", "surfaces"]),
        (["bands"], ["bands", "step_sizes", "beta", "cost", "surfaces"]),
        (["bands", "probe"], ["cost", "surfaces"]),
    ],
)
def test_a_study_that_is_left_out_has_no_picture(whole, left_out, expected, tmp_path):
    study = whole.study.model_copy(update=dict.fromkeys(left_out))
    build.build(whole.results, study, tmp_path / "report.html")
    page = Page(tmp_path, study, content(whole.results, study))
    assert list(page.plots) == expected
    assert html.unescape(element(page.text, "answer")) == " ".join(page.said["answer"])
    if expected[0] == "bands":
        assert len(page.plots["bands"]["choices"][0]["panels"]) == 1
    assert ("Findings" in page.words) == (len(left_out) < 2)


KINDS = {
    "one seed": {"seeds": (0,)},
    "one architecture": {"architectures": ("vgg_a",)},
    "three architectures": {"architectures": ("vgg_a", "vgg_a_bn", "vgg_a_ln")},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_study_has_its_page(kind, tmp_path):
    page = page_of(tmp_path, study_of(**KINDS[kind]))
    names = page.study.bands.architectures
    assert html.unescape(element(page.text, "answer")) == " ".join(page.said["answer"])
    assert len(page.panel("bands")["traces"]) == 2 * len(names)
    assert len(page.panel("step_sizes")["moving"][0]) == len(names)
    assert len(page.plots["beta"]["choices"][0]["panels"]) == len(names)
    assert ('<section id="claims">\n<div' in page.text) == (len(names) > 1)


def test_a_diverged_run_is_marked_where_it_leaves_the_band(tmp_path):
    page = page_of(tmp_path, diverged=True)
    panel = page.panel("bands")
    assert panel["notes"] == ["VGG-A (seed 0): 3 of 4 runs from step 120"]
    (mark,) = panel["layout"]["shapes"]
    assert (mark["x0"], mark["line"]["color"]) == (120, colors.color("vgg_a"))


def test_a_measure_without_values_says_why(raw):
    nothing = {"minimum": np.nan, "maximum": np.nan, "runs": 0}
    table, probe = synthetic.bands().assign(**nothing), synthetic.probe()
    steps = synthetic.probe_bands(probe).assign(**nothing)
    lost, along = bands(table, steps, raw.study).choices[0].panels
    assert lost.layout["annotations"][0]["text"] == band_figures.NO_LOSS
    assert along.layout["annotations"][0]["text"] == NO_STEP_SIZE
    diverged = step_sizes(probe.assign(loss=np.nan), raw.study.probe, 1)
    assert diverged.choices[0].panels[0].layout["annotations"][0]["text"] == NO_STEP_SIZE
    assert lost.traces == along.traces == []


def test_a_step_size_that_diverged_for_one_network_leaves_its_curve_empty(raw):
    probe = synthetic.probe()
    lost = (probe["arch"] == "vgg_a") & (probe["relative_step_size"] == 4)
    probe.loc[lost, ["loss", "beta", "gradient_distance", "gradient_cosine"]] = np.nan
    moving = step_sizes(probe, raw.study.probe, 1).choices[0].panels[0].moving
    assert [len(trace["y"]) > 0 for trace in moving[-1]] == [False, True]
    assert all(trace["y"] for traces in moving[:-1] for trace in traces)


def test_a_long_curve_is_thinned_from_its_first_to_its_last_step():
    kept = plots.thinned(7_820)
    assert len(kept) == plots.POINTS
    assert (kept[0], kept[-1]) == (0, 7_819)
    assert list(plots.thinned(5)) == [0, 1, 2, 3, 4]
    steps = pd.Index(range(0, 78_200, 10))
    low, high = plots.band("vgg_a", steps, np.arange(7_820), np.arange(7_820) + 1)
    assert low["x"][-1] == 78_190
    assert (low["y"][-1], high["y"][-1]) == (7819, 7820)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (units.count(271_786), 272e3),
        (units.duration(750), 750),
        (units.duration(9_000), 9_000),
        (units.petaflops(3.9e15), 3.9e15),
        (number(2.31e-6), 2.31e-6),
        (number(-12_345), -12_300),
        (percent(0.9342, 10_000), 93.42),
        ("+0.71 [+0.5, +0.9]", 0.71),
        ("2.00 (1.90 to 2.10)", 2.0),
        ("3", 3),
        ("", None),
        ("VGG-A", None),
    ],
)
def test_a_cell_is_sorted_by_the_number_that_it_shows(text, value):
    assert magnitude(text) == (None if value is None else pytest.approx(value, rel=1e-2))


def test_texts_cannot_become_markup(raw):
    writer = prose.Prose({"figure": {"a": "x < y"}, "table": {}, "section": {}})
    assert writer.cited("1 < 2 ⟨figure:a⟩") == '1 &lt; 2 <a href="figures/a.pdf">x &lt; y</a>'
    assert writer.cited("⟨table:b⟩") == '<a href="report.pdf">a table of the report</a>'
    assert "</script>" not in build._json({"name": "</script>"})


def test_colours_stand_out_on_a_dark_page():
    assert colors.on_dark("#E69F00") == "#E69F00"
    for tint in (*colors.COLORS.values(), colors.OTHER, colors.PUBLISHED):
        parts = [int(colors.on_dark(tint)[place : place + 2], 16) for place in (1, 3, 5)]
        assert 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] >= colors.DARKEST


def test_a_missing_picture_is_named_and_nothing_is_written(raw, tmp_path):
    folder = shutil.copytree(raw.results, tmp_path / "results")
    (folder / "figures/overview.png").unlink()
    with pytest.raises(UserError, match=r"overview\.png"):
        build.build(folder, raw.study, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
