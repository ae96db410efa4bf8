"""The report's second part says what the network study's tables say."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from landscape.config.study import load_study
from landscape.figures import style
from landscape.figures.registry import FIGURES, FigureSpec
from landscape.figures.selection import wanted
from landscape.notation.numbers import number, percent, points, points_span
from landscape.report import build, captions
from landscape.report.network_study import factors, finals, limits
from landscape.report.network_study.chapter import NOT_USED, changes, recipes
from landscape.report.network_study.question import question
from landscape.storage.files import write_json
from landscape.storage.tables import read_table
from landscape.tables.network_study import aggregate_network
from landscape.tables.published import PUBLISHED
from landscape.tables.rows import outcomes
from support import synthetic_network
from support import synthetic_tables as synthetic
from support.artefacts import ROOT

WHOLE = load_study([ROOT / "config.yaml"])
FACTORS = ("filters", "normalization", "optimizer")
STUDY = WHOLE.model_copy(
    update={
        "network": WHOLE.network.model_copy(
            update={"sweeps": {name: WHOLE.network.sweeps[name] for name in FACTORS}}
        )
    }
)
LOST = "network/sweep/optimizer/Adam/seed2"
OFFICIAL = {**synthetic.dataset(), "official_pixels": True}


def place_figures(folder: Path) -> None:
    """Every figure of the study as an empty page: what they show is tested elsewhere."""
    blank = folder / "blank.pdf"
    style.save(style.new_figure(height=1), folder / "blank.png", blank)
    (folder / "figures").mkdir(exist_ok=True)
    for name in wanted(STUDY):
        shutil.copy(blank, folder / f"figures/{name}.pdf")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = synthetic.write_results(tmp_path_factory.mktemp("results"))
    synthetic_network.write_runs(folder, STUDY.network, diverged=(LOST,))
    aggregate_network(STUDY.network, folder)
    write_json(folder / "network/insight.json", {"networks": [], "diverged": []})
    place_figures(folder)
    return folder


@pytest.fixture(scope="module")
def summary(results):
    return read_table(results / "network/summary.csv")


@pytest.fixture(scope="module")
def comparisons(results):
    return read_table(results / "network/comparisons.csv")


def changed(table: pd.DataFrame, where: pd.Series, **values: float | None) -> pd.DataFrame:
    table = table.copy()
    for column, value in values.items():
        table.loc[where, column] = value
    return table


def said(table: pd.DataFrame, factor: str = "filters") -> str:
    return " ".join(factors.factor_sentences(outcomes(table), factor))


def text_of(pdf: Path) -> str:
    done = subprocess.run(["pdftotext", pdf, "-"], capture_output=True, text=True, check=True)
    return re.sub(r"\s+", " ", done.stdout.replace("\u200b", ""))


def test_the_second_part_is_whole_and_the_same_twice(results, summary, tmp_path):
    build.build(results, STUDY, tmp_path / "a.pdf")
    build.build(results, STUDY, tmp_path / "b.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    if not shutil.which("pdftotext"):
        pytest.skip("pdftotext is not installed")
    text = text_of(tmp_path / "a.pdf")
    assert "Part 1: batch normalization" in text
    assert "Part 2: the best network" in text
    content = build.content(results, STUDY)["network"]
    for row in content["finals"]["body"]:
        assert all(cell in text for cell in row)
    for name in ("Number of filters", "Normalization", "Optimizer", "What the parts contribute"):
        assert name in text
    assert "Structure of the final networks" in text
    shown = [name for name in wanted(STUDY) if FIGURES[name].needs == "insight"]
    assert ("What the networks learned" in text) == bool(shown)
    assert f"network {summary['seeds'].iloc[0]}" not in text
    runs = read_table(results / "network/runs.csv")
    assert f"network {len(runs)}" in text  # the provenance counts its jobs
    assert synthetic_network.DEVICE in text
    assert "1 of 3 runs of Adam diverged; its numbers are of the others." in text


def test_without_the_section_the_report_has_one_part(results, tmp_path):
    study = STUDY.model_copy(update={"network": None})
    content = build.content(results, study)
    assert "network" not in content
    assert not [name for name in content["figures"] if name.startswith("sweep_")]
    assert [row[0] for row in content["provenance"]["seconds"]["body"]] == ["bands", "probe", "all"]
    build.build(results, study, tmp_path / "a.pdf")
    if shutil.which("pdftotext"):
        assert "Part" not in text_of(tmp_path / "a.pdf").split()


def test_every_setting_of_a_recipe_is_in_its_table(results):
    table = recipes(STUDY.network)
    rows = {row[0]: dict(zip(table["head"][1:], row[1:], strict=True)) for row in table["body"]}
    assert rows["batch size"]["fast"] == str(STUDY.network.finals["fast"]["batch_size"])
    assert rows["learning rate"]["base"] == f"{STUDY.network.base.learning_rate:g}"
    assert rows["architecture: whitening"]["fast"] == "yes"
    assert rows["architecture: whitening"]["compact"] == ""
    assert rows["test time augmentation"]["base"] == "no"
    assert rows["optimizer: newton schulz steps"]["base"] == NOT_USED  # SGD
    assert rows["optimizer: newton schulz steps"]["fast"] == "3"
    assert (rows["small images: size"]["fast"], rows["small images: size"]["base"]) == ("24", "–")
    assert "small images" not in rows
    settings = {key.replace("_", " ") for key in type(STUDY.network.base.loss).model_fields}
    named = {*rows, *(entry.split(" = ")[0] for entry in table["common"].split("; "))}
    assert {f"loss: {key}" for key in settings} <= named


def test_what_a_level_changes_is_all_that_it_changes():
    found = changes(STUDY.network)
    assert found["filters", "64"] == "filters 64"
    assert found["optimizer", "Adam"] == "learning rate 0.001, optimizer adam"
    assert found["optimizer", "SGD"] == "momentum 0, nesterov no"
    assert found["fast", "all images whole"] == "epochs 8, small images –"
    assert found["filters", "32"] == ""  # the base


def test_the_best_level_is_named_with_its_paired_interval(summary):
    text = said(summary)
    row = summary[(summary["group"] == "filters") & (summary["level"] == "64")].iloc[0]
    assert f"Best is 64: {percent(row['validation_accuracy'])}" in text
    interval = points_span((row["difference_low"], row["difference_high"]))
    assert f"{points(row['difference'])} points (95 % interval {interval})." in text
    assert "does not decide" not in text.split("The other")[0]
    assert "worse: 16" in text
    assert "from 138 k parameters (16) to 2.20 M (64)" in text


def test_sentences_turn_with_the_numbers(summary):
    best = (summary["group"] == "filters") & (summary["level"] == "64")
    undecided = said(changed(summary, best, difference_low=-0.001))
    assert "the interval includes 0, so this study does not decide" in undecided
    worse = changed(summary, best, validation_accuracy=0.5, difference=-0.37)
    worse = said(changed(worse, best, difference_low=-0.4, difference_high=-0.3))
    assert "The base is best: 32, " in worse
    assert "64 (−37.00)" in worse
    lone = said(changed(summary, best, difference_low=np.nan, difference_high=np.nan))
    assert "points (one seed, so there is no interval)." in lone
    others = said(changed(summary, summary["level"] == "16", difference_high=0.1))
    assert "not decided: 16" in others


def test_a_level_that_always_diverges_is_said(summary):
    lost = (summary["group"] == "filters") & (summary["level"] == "16")
    table = changed(summary, lost, validation_accuracy=np.nan, difference=np.nan, diverged=3)
    assert "All 3 runs of 16 diverged." in said(table)


def test_ablations_say_whether_a_part_helps(summary):
    text = " ".join(factors.ablation_sentences(outcomes(summary), "fast"))
    assert re.search(r"Fast, no whitening: −\d\.\d\d points \(.*?\): the part helps\.", text)
    part = summary["level"] == "no whitening"
    table = changed(summary, part, difference=0.01, difference_low=0.001, difference_high=0.02)
    table = changed(table, part, parameters=3_000_000)
    text = " ".join(factors.ablation_sentences(outcomes(table), "fast"))
    assert "the network is better without it" in text
    assert "It then has 3.00 M parameters instead of 2.27 M." in text


def against(summary, comparisons) -> str:
    return " ".join(finals.against_sentences(outcomes(summary), comparisons))


@pytest.mark.parametrize(
    ("difference", "low", "high", "word"),
    [
        (0.01, 0.005, 0.015, "+1.00 points (95 % interval [+0.50, +1.50], 5 seeds): better."),
        (-0.01, -0.015, -0.005, "−1.00 points (95 % interval [−1.50, −0.50], 5 seeds): worse."),
        (0.01, -0.005, 0.025, "5 seeds): undecided, as the interval includes 0."),
        (0.01, np.nan, np.nan, "+1.00 points, better with one seed and thus without an interval."),
    ],
)
@pytest.mark.parametrize(
    ("measure", "views"), [("test_accuracy", "one view"), ("test_accuracy_augmented", "six views")]
)
def test_fast_stands_against_the_published_design(
    summary, comparisons, measure, views, difference, low, high, word
):
    pair = (comparisons["first"] == "speedrun") & (comparisons["second"] == "fast")
    pair &= comparisons["measure"] == measure
    table = changed(comparisons, pair, difference=difference, low=low, high=high)
    text = against(summary, table)
    assert f"Fast against airbench94 design, {views} of each test image: " in text
    assert word in text


def test_a_comparison_reads_the_same_from_both_ends(comparisons):
    one = finals.compared(comparisons, "fast", "speedrun", "test_accuracy")
    other = finals.compared(comparisons, "speedrun", "fast", "test_accuracy")
    assert one.difference == -other.difference
    assert one.interval == pytest.approx((-other.interval[1], -other.interval[0]))
    assert one.ratio == pytest.approx(1 / other.ratio)
    assert finals.compared(comparisons, "fast", "nothing", "test_accuracy") is None


def test_published_networks_compare_on_official_pixels_only(summary):
    rows = outcomes(summary)
    (sentence,) = finals.published_sentences(rows, synthetic.dataset())
    assert "JPEG" in sentence
    assert "nothing follows" in sentence
    text = " ".join(finals.published_sentences(rows, OFFICIAL))
    tiny = next(entry for entry in PUBLISHED if entry.name == "cifar10-tiniest")
    assert "Compact (92.51 %, six views, 272 k) is beaten in accuracy and parameters" in text
    assert tiny.name in text
    better = changed(summary, summary["level"] == "compact", test_accuracy_augmented=0.99)
    text = " ".join(finals.published_sentences(outcomes(better), OFFICIAL))
    assert "No published network of the table beats compact" in text


def test_one_seed_is_said_and_nothing_is_nan(results, tmp_path):
    network = STUDY.network.model_copy(update={"seeds": (0,), "final_seeds": (0,)})
    study = STUDY.model_copy(update={"network": network})
    folder = tmp_path / "results"
    for name in ("bands", "probe", "data", "figures"):
        shutil.copytree(results / name, folder / name)
    synthetic_network.write_runs(folder, network, views=False)
    aggregate_network(network, folder)
    shutil.copy(results / "network/insight.json", folder / "network")
    content = build.content(folder, study)["network"]
    assert "nan" not in re.findall(r"\w+", str(content).lower())
    assert "test accuracy with one seed" in " ".join(content["abstract"])
    assert "with six views" not in str(content["abstract"])
    limitations = " ".join(content["limitations"])
    assert "Sweeps have a single seed" in limitations
    assert "Final networks have a single seed" in limitations
    build.build(folder, study, tmp_path / "report.pdf")


def test_a_study_of_sweeps_alone_has_a_report(results, tmp_path):
    update = {"finals": {}, "ablations": {}, "plain": None, "insight": None}
    network = STUDY.network.model_copy(update=update)
    study = STUDY.model_copy(update={"network": network})
    folder = tmp_path / "results"
    for name in ("bands", "probe", "data", "figures"):
        shutil.copytree(results / name, folder / name)
    synthetic_network.write_runs(folder, network)
    aggregate_network(network, folder)
    shutil.copy(results / "network/layers.csv", folder / "network/layers.csv")
    table = read_table(folder / "network/layers.csv")
    table[:0].to_csv(folder / "network/layers.csv", index=False)
    build.build(folder, study, tmp_path / "report.pdf")
    assert build.content(folder, study)["network"]["finals"]["body"] == []


def test_figures_of_what_was_learned_are_shown_where_there_are_some(results, tmp_path, monkeypatch):
    spec = FigureSpec("a", "b", "network", ("network/insight.json",), needs="insight")
    monkeypatch.setitem(FIGURES, "insight_test", spec)
    monkeypatch.setitem(captions.CAPTIONS, "insight_test", captions.Caption("Filters", "Seen."))
    shutil.copy(results / "blank.pdf", results / "figures/insight_test.pdf")
    assert build.content(results, STUDY)["network"]["insight"][-1] == "insight_test"
    build.build(results, STUDY, tmp_path / "a.pdf")
    if shutil.which("pdftotext"):
        assert "What the networks learned" in text_of(tmp_path / "a.pdf")


def test_what_could_not_be_looked_into_is_said(results, tmp_path):
    assert build.content(results, STUDY)["network"]["insight_missing"] == []
    folder = shutil.copytree(results, tmp_path / "results")
    lost = "bands/vgg_a/lr0.001/seed0"
    write_json(folder / "network/insight.json", {"networks": [], "diverged": [lost]})
    (sentence,) = build.content(folder, STUDY)["network"]["insight_missing"]
    assert sentence == f"Not looked into, as they diverged: {lost}."


def test_the_question_names_what_there_is():
    text = " ".join(question(STUDY.network))
    assert "compact for few parameters" in text
    assert "airbench94 (Jordan 2024)" in text
    few = STUDY.network.model_copy(
        update={"finals": {"resnet18": STUDY.network.finals["resnet18"]}, "ablations": {}}
    )
    text = " ".join(question(few))
    assert "compact" not in text
    assert "parts are taken away" not in text


def test_limitations_follow_the_study(summary):
    rows = outcomes(summary)
    text = " ".join(limits.limitations(rows, synthetic.dataset(), 1000))
    assert "one is 0.1 points" in text
    assert "JPEG" in text
    decided = summary["difference_low"].notna().sum()
    assert f"Of the {decided} differences" in text
    text = " ".join(limits.limitations(rows, OFFICIAL, 0))
    assert "JPEG" not in text
    assert "held-out" not in text


def test_every_number_of_the_sentences_is_in_a_table(summary, comparisons):
    rows = outcomes(summary)
    known = {"95", "0", "one", "94", "18", "5", "3", "1", "16", "32", "64", "airbench94"}
    for o in rows:
        for key, value in o.values.items():
            if value is not None:
                known |= {percent(value).split()[0], points(value).strip("+−")}
                known |= {f"{100 * value:.2f}"} if "accuracy" in key else set()
        cost = finals._size_and_cost(o)
        known |= set(re.findall(r"\d+(?:\.\d+)?", cost))
        known |= set(re.findall(r"\d+", o.level))
    for value in comparisons[["difference", "low", "high"]].to_numpy().ravel():
        known.add(points(value).strip("+−"))
    parameters = {o.level: o.known("parameters") for o in rows if o.kind == "final"}
    against = (("fast", "speedrun"), ("narrow", "speedrun"))
    for ours, theirs in (*against, ("accurate", "resnet18"), ("compact", "resnet18")):
        known.add(number(parameters[ours] / parameters[theirs]))
        for measure in ("train_flops", "train_seconds"):
            ratio = finals.compared(comparisons, ours, theirs, measure).ratio
            known.add(number(ratio))
    sentences = [
        *(s for factor in FACTORS for s in factors.factor_sentences(rows, factor)),
        *factors.ablation_sentences(rows, "fast"),
        *factors.ablation_sentences(rows, "compact"),
        *finals.abstract(rows, comparisons),
        *finals.final_sentences(rows),
        *finals.plain_sentences(rows),
        *finals.against_sentences(rows, comparisons),
    ]
    numbers = re.findall(r"(?<![\w⁻])\d+(?:,\d{3})*(?:\.\d+)?", " ".join(sentences))
    assert len(numbers) > 100
    assert set(numbers) <= known, set(numbers) - known
