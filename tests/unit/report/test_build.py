"""The report holds what the tables hold, and the same tables give the same bytes."""

import re
import shutil

import pandas as pd
import pytest

from landscape.errors import UserError
from landscape.figures.draw import draw
from landscape.figures.selection import wanted
from landscape.report import build
from landscape.report.content import content
from landscape.storage.files import read_json, write_json
from landscape.tables.rows import headline_rows
from support import synthetic_tables as synthetic
from support.report import made, study_of, text_of


@pytest.fixture(scope="module")
def clear(tmp_path_factory):
    """Three seeds, BatchNorm smoother by everything but the start."""
    folder = tmp_path_factory.mktemp("clear")
    study, said = made(folder)
    build.build(folder, study, folder / "report.pdf")
    return folder, study, said


def test_the_report_is_whole_and_the_same_twice(clear, tmp_path):
    folder, study, said = clear
    build.build(folder, study, tmp_path / "b.pdf")
    assert (folder / "report.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    text = text_of(folder / "report.pdf").replace("\u00a0", " ")
    for table in (said["claims"], said["verdicts"], *said["summaries"].values()):
        for row in table["body"]:
            for cell in row:
                if not cell.startswith(("⟨", "*")):
                    assert all(line in text for line in cell.split("\n")), cell
    for paragraph in said["questions"]:
        assert paragraph["title"] in text
    assert "⟨" not in text
    assert "a" * 64 in text.replace(" ", "")


def test_page_1_has_everything_that_a_reader_needs_first(clear):
    folder, _, said = clear
    page = text_of(folder / "report.pdf", "-f", "1", "-l", "1").replace("\u00a0", " ")
    assert said["title"] in page
    assert "3 March 2026" in page  # the last run's day
    assert "NVIDIA H100 80GB HBM3" in page
    assert "JPEG quality 75" in page
    for sentence in said["answer"]:
        assert sentence in page
    assert 1 <= len(said["answer"]) <= 5
    assert 1 <= len(said["claims"]["body"]) <= 8
    assert "Figure 1: The loss in both studies" in page
    assert "Section 1.3" in page
    assert "Limitations" in page  # the contents


@pytest.mark.slow
def test_real_figures_are_taken_in(tmp_path):
    study = study_of(seeds=(0,))
    folder = synthetic.write_results(tmp_path, seeds=(0,), diverged=True)
    for name in wanted(study):
        target = folder / "figures" / name
        draw(name, folder, study.figures, target.with_suffix(".png"), target.with_suffix(".pdf"))
    build.build(folder, study, tmp_path / "report.pdf")
    assert "VGG-A at learning rate 0.002, seed 0, at step 120" in text_of(tmp_path / "report.pdf")


def test_a_benchmark_that_was_made_is_a_section(clear, tmp_path):
    folder = shutil.copytree(clear[0], tmp_path / "results")
    assert "bench" not in content(folder, clear[1])
    write_json(folder / "bench/bench.json", synthetic.bench())
    shutil.copy(folder / "figures/blank.pdf", folder / "figures/bench.pdf")
    said = content(folder, clear[1])
    assert said["bench"]["table"]["body"][1][3] == "2.00 (1.90 to 2.10)"
    assert "bench" in said["figures"]
    build.build(folder, clear[1], tmp_path / "with.pdf")
    assert "Training steps per second" in text_of(tmp_path / "with.pdf")


def test_a_missing_figure_is_named(clear, tmp_path):
    folder = shutil.copytree(clear[0], tmp_path / "results")
    (folder / "figures/probe_loss.pdf").unlink()
    with pytest.raises(UserError, match=r"probe_loss\.pdf"):
        build.build(folder, clear[1], tmp_path / "a.pdf")
    assert not (tmp_path / "a.pdf").exists()


SMOOTHER = {"loss_range_mean": (3.14, 0.476), "beta_maximum_mean": (33.6, 19.1)}
KINDS = {  # results of each kind, and words that page 1 must hold
    "opposite": (
        {},
        {name: values[::-1] for name, values in SMOOTHER.items()},
        ["varies more: 6.60 times", "✗ contradicted"],
    ),
    "undecided": (
        {},
        dict.fromkeys(SMOOTHER, (1.0, 1.0065)),
        [
            "compared with VGG-A: whether the range of its loss along the gradient is smaller",
            "? not decided",
        ],
    ),
    "one seed": ({"seeds": (0,)}, {}, ["VGG-A + BatchNorm probably learns better", "(✓) likely"]),
    "two seeds": ({"seeds": (0, 1)}, {}, [" and ", "(✓) likely"]),
    "one architecture": ({"architectures": ("vgg_a",)}, {}, ["no other network was trained"]),
    "three architectures": (
        {"architectures": ("vgg_a", "vgg_a_bn", "vgg_a_ln")},
        {},
        ["VGG-A + BatchNorm learns better than VGG-A", "VGG-A + LayerNorm on"],
    ),
    "one learning rate": ({"rates": (0.001,)}, {}, ["VGG-A + BatchNorm learns better"]),
    "no learning": (
        {},
        {"test_accuracy_best": (0.1, 0.1), "test_accuracy": (0.1, 0.1)},
        ["No network learned", "stayed at chance"],
    ),
    "one network at chance": (
        {},
        {"test_accuracy": (0.1, 0.8)},
        ["VGG-A stayed at chance, and a network at chance has a flat loss"],
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_study_has_a_first_page_that_says_what_it_is(kind, tmp_path):
    options, changed, words = KINDS[kind]
    study, said = made(tmp_path, study_of(**options), **changed)
    build.build(tmp_path, study, tmp_path / "report.pdf")
    page = text_of(tmp_path / "report.pdf", "-f", "1", "-l", "1").replace("\u00a0", " ")
    for word in words:
        assert word in page, page
    assert len(said["answer"]) <= 5
    for sentence in said["answer"]:
        assert len(re.findall(r"\d[\d.,]*", sentence)) <= 1, sentence
    assert "nan" not in re.findall(r"\w+", str(said).lower())


def test_a_diverged_run_is_named_with_the_steps_its_means_cover(tmp_path):
    _, said = made(tmp_path, diverged=True)
    text = " ".join(paragraph["text"] for paragraph in said["questions"])
    assert (
        "One of 24 runs diverged: VGG-A at learning rate 0.002, seed 0, at step 120 of 200" in text
    )
    assert "over the steps before, for both networks" in text


def test_the_demo_is_called_an_illustration_and_shows_no_published_numbers(clear, tmp_path):
    folder = shutil.copytree(clear[0], tmp_path / "results")
    assert clear[2]["note"] == ""
    demo = {**read_json(folder / "data/dataset.json"), "source": "demo", "name": "demo shapes"}
    write_json(folder / "data/dataset.json", demo)
    said = content(folder, clear[1])
    assert said["note"].startswith("An illustration, not evidence")
    assert "no evidence about CIFAR-10" in " ".join(said["limitations"])


def test_a_long_list_of_runs_stays_in_its_table(clear, tmp_path):
    folder = shutil.copytree(clear[0], tmp_path / "results")
    table = pd.read_csv(folder / "bands/runs.csv")
    pd.concat([table] * 4).to_csv(folder / "bands/runs.csv", index=False)
    assert content(folder, clear[1])["runs"]["bands"]["body"] == []
    build.build(folder, clear[1], tmp_path / "report.pdf")
    assert "bands/runs.csv" in text_of(tmp_path / "report.pdf")


def test_every_row_of_the_tables_is_shown_or_belongs_to_another(clear):
    folder, _, said = clear
    for name in ("bands", "probe"):
        rows = headline_rows(pd.read_csv(folder / name / "summary.csv"))
        assert len(said["summaries"][name]["body"]) == len(rows)  # the synthetic has no medians
