"""The report says what the tables say, and the same tables give the same bytes."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from landscape.config.study import load_study
from landscape.errors import UserError
from landscape.figures.draw import draw
from landscape.figures.selection import wanted
from landscape.notation.names import measure_name
from landscape.notation.numbers import number, quantity
from landscape.report import build
from landscape.report.batchnorm import abstract, bands, comparison, endings, limits, probe
from landscape.storage.files import write_json
from landscape.tables.rows import headline_rows
from support import synthetic_tables as synthetic
from support.artefacts import ROOT

WHOLE = load_study([ROOT / "config.yaml"])
STUDY = WHOLE.model_copy(update={"network": None})  # test_network_report.py has the second part


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results with every figure drawn."""
    folder = synthetic.write_results(tmp_path_factory.mktemp("results"), diverged=True)
    for name in wanted(STUDY):
        target = folder / "figures" / name
        draw(name, folder, STUDY.figures, target.with_suffix(".png"), target.with_suffix(".pdf"))
    return folder


def table(name: str = "bands", seeds: tuple[int, ...] = (0, 1, 2), **changed: tuple[float, ...]):
    means = synthetic.BANDS_SUMMARY if name == "bands" else synthetic.PROBE_SUMMARY
    return headline_rows(synthetic.summary({**means, **changed}, seeds=seeds))


def said(section: comparison.Section) -> str:
    return " ".join(section.sentences)


def test_the_report_is_whole_and_the_same_twice(figures, tmp_path):
    build.build(figures, STUDY, tmp_path / "a.pdf")
    build.build(figures, STUDY, tmp_path / "b.pdf")
    content = (tmp_path / "a.pdf").read_bytes()
    assert content == (tmp_path / "b.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    if not shutil.which("pdftotext"):
        pytest.skip("pdftotext is not installed")
    done = subprocess.run(
        ["pdftotext", tmp_path / "a.pdf", "-"], capture_output=True, text=True, check=True
    )
    assert "Why does batch normalization help optimization?" in done.stdout
    assert done.stdout.count("\f") >= 8  # pages
    for name in ("bands", "probe"):
        for row in headline_rows(pd.read_csv(figures / name / "summary.csv")).values():
            for value in row.values.values():
                assert quantity(row.measure, value) in done.stdout
            if row.ratio is not None:
                assert number(row.ratio) in done.stdout
    assert "VGG-A diverged at learning rate 0.002, seed 0, step 120." in done.stdout
    assert "a" * 64 in done.stdout.replace("\u200b", "").replace("\n", "")


def test_a_benchmark_that_was_made_is_a_section(figures, tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(figures, folder)
    assert "bench" not in build.content(folder, STUDY)
    write_json(folder / "bench/bench.json", synthetic.bench())
    draw("bench", folder, STUDY.figures, *[folder / f"figures/bench{s}" for s in (".png", ".pdf")])
    said = build.content(folder, STUDY)
    assert said["bench"]["table"]["body"][1][3] == "2.00 (1.90 to 2.10)"
    assert "bench" in said["figures"]
    build.build(folder, STUDY, tmp_path / "with.pdf")
    build.build(figures, STUDY, tmp_path / "without.pdf")
    assert (tmp_path / "with.pdf").stat().st_size > (tmp_path / "without.pdf").stat().st_size


def test_a_missing_figure_is_named(figures, tmp_path):
    folder = shutil.copytree(figures, tmp_path / "results")
    (folder / "figures/probe_loss.pdf").unlink()
    with pytest.raises(UserError, match=r"probe_loss\.pdf"):
        build.build(folder, STUDY, tmp_path / "a.pdf")
    assert not (tmp_path / "a.pdf").exists()


@pytest.mark.parametrize(
    ("architectures", "seeds", "validation"),
    [
        (("vgg_a",), (0,), False),
        (("vgg_a", "vgg_a_bn"), (0,), True),
        (("vgg_a", "vgg_a_bn", "vgg_a_ln"), (0, 1, 2), False),
    ],
)
def test_any_number_of_architectures_and_seeds(figures, tmp_path, architectures, seeds, validation):
    folder = synthetic.write_results(tmp_path, architectures, seeds, validation=validation)
    shutil.copytree(figures / "figures", folder / "figures")
    build.build(folder, STUDY, tmp_path / "report.pdf")
    content = build.content(folder, STUDY)
    text = " ".join(s for section in content["discussion"] for s in section["sentences"])
    assert "nan" not in re.findall(r"\w+", text.lower())
    assert ("no interval over seeds" in text) == (len(seeds) == 1)
    assert ("VGG-A + LayerNorm: " in text) == (len(architectures) == 3)


def test_sentences_turn_with_the_numbers():
    gone = synthetic.runs()
    narrow = said(bands.bands_section(table(), gone))
    wide = said(bands.bands_section(table(loss_band_width=(0.355, 0.842)), gone))
    assert "mean over steps, of VGG-A + BatchNorm is smaller: 0.422 times that of VGG-A" in narrow
    assert "mean over steps, of VGG-A + BatchNorm is larger: 2.37 times that of VGG-A" in wide
    undecided = table(loss_band_width=(1.0, 1.0001))["loss_band_width"]
    assert "includes 1, so this study does not decide" in comparison.compared(
        undecided, "x", "", ""
    )
    decided = table()["loss_band_width"]
    assert "does not decide" not in comparison.compared(decided, "x", "smaller", "larger")
    better = said(bands.training_section(table(test_accuracy_best=(0.812, 0.763))))
    assert "is lower: 76.3 % against 81.2 % of VGG-A" in better


def test_the_title_is_answered_by_what_the_intervals_decide():
    seeds = (0, 1, 2, 3)
    (first,) = abstract.answer(table("bands", seeds), table("probe", seeds))
    assert first.startswith("VGG-A + BatchNorm reaches the higher test accuracy; its landscape")
    assert "smoother by the width of the loss band" in first
    assert "rougher" not in first
    mixed = table("probe", beta_maximum_mean=(1.0, 2.0), loss_range_mean=(1.0, 1.0001))
    (second,) = abstract.answer(table("bands", test_accuracy_best=(0.8, 0.8001)), mixed)
    assert second.startswith("Whether VGG-A + BatchNorm or VGG-A reaches the higher")
    assert "rougher by β along it; undecided by the range of the loss" in second
    (third,) = abstract.answer(table("bands", seeds=(0,)), table("probe", seeds=(0,)))
    assert "one seed each, so nothing is certain" in third
    assert abstract.answer({}, {}) == []


def test_step_0_is_reported_whichever_is_worse():
    worse = " ".join(probe.at_start(table("probe")))
    assert "VGG-A + BatchNorm is worse than VGG-A in: loss range (76.3 times)" in worse
    assert "not worse" not in worse
    mixed = " ".join(probe.at_start(table("probe", loss_range_first=(2.0, 1.0))))
    assert "is not worse in: loss range (0.500 times)" in mixed
    assert "worse than VGG-A in: gradient distance" in mixed


def test_beta_is_read_by_step_size_and_what_is_left_behind_is_named():
    text = said(probe.probe_section(table("probe"), synthetic.runs("probe"), 0.1, 0.5))
    assert "is lower at η = lr/64 (0.631), lr/16 (0.686)" in text
    start = "the mean β of VGG-A + BatchNorm is"
    assert f"{start} 19.2 = 0.960/η: within that step the gradient changes by 0.960 times" in text
    assert "VGG-A is 29.4 = 1.47/η: within that step the gradient changes by 1.47 times" in text
    assert text.count("the gradient is left behind") == 1
    away = table("probe", **{"beta_at_0.5": (3.0, 6.0)})
    text = said(probe.probe_section(away, synthetic.runs("probe"), 0.1, 0.5))
    assert f"{start} 6.00 = 0.300/η" in text
    assert "left behind" not in text
    assert "higher at η = lr/2 (2.00)" in text
    raw_and_scaled = table(scaled_beta_mean=(2.0, 1.0))
    assert "opposite directions" in said(bands.bands_section(raw_and_scaled, synthetic.runs()))


def test_one_seed_and_divergence_are_said():
    gone = synthetic.runs(diverged=True)
    text = said(bands.bands_section(table(seeds=(0,)), gone))
    assert "single seed, so no interval" in text
    assert "interval of the ratio" not in text
    assert "VGG-A diverged at learning rate 0.002, seed 0, step 120." in text
    assert "No run diverged." in said(bands.bands_section(table(), synthetic.runs()))


def test_every_number_of_the_discussion_is_in_a_table():
    tables = {name: table(name) for name in ("bands", "probe")}
    known = {"95", "2", "3", "0", "1", "64", "16", "4"}  # 95 %, seeds, step 0, lr/64, 1 − cosine
    known |= {"0.960", "1.47"}  # β at lr/2, from the table, times η
    for rows in tables.values():
        for row in rows.values():
            known |= {quantity(row.measure, v).split()[0] for v in row.values.values()}
            known |= {number(row.ratio)} if row.ratio is not None else set()
            known |= {number(v) for v in row.ratio_interval or ()}
    sections = [
        bands.bands_section(tables["bands"], synthetic.runs()),
        bands.training_section(tables["bands"]),
        probe.probe_section(tables["probe"], synthetic.runs("probe"), 0.1, 0.5),
    ]
    for section in sections:
        numbers = re.findall(r"(?<![\w⁻])\d+(?:,\d{3})*(?:\.\d+)?", said(section))
        assert numbers
        assert set(numbers) <= known, set(numbers) - known


def test_runs_that_did_not_learn_are_named():
    runs = synthetic.runs("probe")
    assert endings.near_chance(runs, 10) == []
    runs.loc[runs["arch"] == "vgg_a", "test_accuracy"] = 0.107
    (sentence,) = endings.near_chance(runs, 10)
    assert sentence.startswith("2 of 2 runs of VGG-A end near chance (test accuracy below 15 %")


def test_unknown_measures_and_empty_cells_are_shown_as_they_are():
    summary = synthetic.summary({"new_measure": (1.0, 2.0), "loss_band_width": (np.nan, 1.0)})
    rows = headline_rows(summary)
    assert measure_name("new_measure") == "new_measure"
    assert build._summary(rows)["body"][0][0] == "new_measure"
    assert build._summary(rows)["body"][1][1] == ""
    assert comparison.compared(rows["loss_band_width"], "the width", "", "") == (
        "The width is 1.00 nats (VGG-A + BatchNorm)."
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.4218, "0.422"),
        (0, "0"),
        (1, "1.00"),
        (52311.0, "52,300"),
        (99.96, "100"),
        (-0.5, "−0.500"),
        (1.234e-5, "1.23 × 10⁻⁵"),
        (203_138.0, "203,000"),
        (7.5e8, "7.50 × 10⁸"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


def test_limitations_name_what_was_shortened():
    full = limits.limitations(limits.FULL, {"official_pixels": True}, 3, 2)
    assert not any("full size" in line or "official" in line or "seed" in line for line in full)
    assert any("1912.07145" in line for line in full)
    small = limits.Scale(2000, 2, 300, 0.25, 0.25)
    text = " ".join(limits.limitations(small, {"official_pixels": False, "name": "shapes"}, 1, 1))
    assert "2,000 training images (full study: 50,000)" in text
    assert "0.25 times the width" in text
    assert "shapes" in text
    assert "a single seed" in text
    assert "nothing is compared" in text
