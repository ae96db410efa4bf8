"""The report's second part holds what the network study's tables hold."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest

from landscape.config.study import load_study
from landscape.figures.registry import FIGURES, FigureSpec
from landscape.figures.selection import wanted
from landscape.notation.numbers import number, points_span
from landscape.report import build, captions
from landscape.report.captions_network_study import FACTOR_TITLES
from landscape.report.content import content
from landscape.report.network_study import factors, finals, limits, tuning
from landscape.report.network_study.phrases import Images, accuracy_text
from landscape.report.network_study.question import question
from landscape.report.network_study.recipes import NOT_USED, changes
from landscape.storage.files import write_json
from landscape.storage.tables import read_table
from landscape.tables.network_study import aggregate_network
from landscape.tables.published import PUBLISHED
from landscape.tables.rows import outcomes
from support import synthetic_network
from support import synthetic_tables as synthetic
from support.artefacts import ROOT
from support.report import text_of

WHOLE = load_study([ROOT / "config.yaml"])
FACTORS = ("filters", "normalization", "optimizer")
TITLES = {name: FACTOR_TITLES[name] for name in FACTORS}
STUDY = WHOLE.model_copy(
    update={
        "mechanism": None,
        "network": WHOLE.network.model_copy(
            update={"sweeps": {name: WHOLE.network.sweeps[name] for name in FACTORS}}
        ),
    }
)
LOST = "network/sweep/optimizer/Adam/seed2"
OFFICIAL = {**synthetic.dataset(), "official_pixels": True}
IMAGES = Images(test=10_000, validation=1000, classes=10)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = synthetic.write_results(tmp_path_factory.mktemp("results"))
    synthetic_network.write_runs(folder, STUDY.network, diverged=(LOST,))
    aggregate_network(STUDY.network, folder)
    write_json(folder / "network/insight.json", {"networks": [], "diverged": []})
    synthetic.blank_figures(folder, wanted(STUDY))
    return folder


@pytest.fixture(scope="module")
def said(results):
    return content(results, STUDY)["network"]


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


def level(summary: pd.DataFrame, name: str, group: str = "filters") -> pd.Series:
    return (summary["group"] == group) & (summary["level"] == name)


def effects(table: pd.DataFrame, factor: str = "filters") -> dict[str, list[str]]:
    rows = [o for o in outcomes(table) if o.kind == "sweep" and o.group == factor]
    return factors.effects(rows, IMAGES)


def smaller(results, folder, study, **options):
    """The same results with another network study."""
    for name in ("bands", "probe", "data", "figures"):
        shutil.copytree(results / name, folder / name)
    synthetic_network.write_runs(folder, study.network, **options)
    aggregate_network(study.network, folder)
    shutil.copy(results / "network/insight.json", folder / "network")
    return content(folder, study)


def study_with(**update):
    return STUDY.model_copy(update={"network": STUDY.network.model_copy(update=update)})


def test_the_second_part_is_whole_and_the_same_twice(results, said, summary, tmp_path):
    build.build(results, STUDY, tmp_path / "a.pdf")
    build.build(results, STUDY, tmp_path / "b.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    text = text_of(tmp_path / "a.pdf").replace("\u00a0", " ")
    assert "Part 1: batch normalization" in text
    assert "Part 2: the best network" in text
    for row in said["finals"]["body"]:
        assert all(cell in text for cell in row)
    for title in (*TITLES.values(), "The contribution of parts", "A network of plain tensors"):
        assert title in text
    assert synthetic_network.DEVICE in text
    assert "1 of 3 runs of Adam diverged; its values exclude them." in text
    assert f"network {len(read_table(results / 'network/runs.csv'))}" in text  # jobs
    page = text_of(tmp_path / "a.pdf", "-f", "1", "-l", "1").replace("\u00a0", " ")
    assert "The most accurate final network is “accurate”: it classifies 93" in page


def test_without_the_section_the_report_has_one_part(results, tmp_path):
    study = STUDY.model_copy(update={"network": None})
    found = content(results, study)
    assert "network" not in found
    assert not [name for name in found["figures"] if name.startswith("sweep_")]
    assert [row[0] for row in found["provenance"]["seconds"]["body"]] == ["bands", "probe", "all"]
    build.build(results, study, tmp_path / "a.pdf")
    assert "Part" not in text_of(tmp_path / "a.pdf").split()


def test_every_setting_of_a_recipe_is_in_its_table_in_words(said):
    table = said["recipes"]
    rows = {row[0]: dict(zip(table["head"][1:], row[1:], strict=True)) for row in table["body"]}
    assert rows["batch size"]["fast"] == str(STUDY.network.finals["fast"]["batch_size"])
    assert rows["learning rate"]["base"] == f"{STUDY.network.base.learning_rate:g}"
    assert rows["architecture: whitening"]["fast"] == "yes"
    assert rows["architecture: whitening"]["compact"] == ""
    assert rows["architecture"]["airbench94 design"] == "airbench94 design"
    assert rows["optimizer"]["fast"] == "our Muon"
    assert rows["six views of a test image"]["base"] == "no"
    assert rows["optimizer: Newton–Schulz steps"]["base"] == NOT_USED  # SGD
    assert rows["optimizer: Newton–Schulz steps"]["fast"] == "3"
    assert (rows["small images: size"]["fast"], rows["small images: size"]["base"]) == ("24", "–")
    assert "small images" not in rows
    assert "loss: label smoothing" in rows
    assert "loss cross-entropy" in table["common"]


def test_no_key_of_the_configuration_is_printed(said):
    texts = [*said["recipes"]["body"], *said["levels"]["body"], *said["finals"]["body"]]
    assert not [cell for row in texts for cell in row if "_" in cell]
    assert "_" not in said["recipes"]["common"]
    assert "speedrun" not in str(said)


def test_what_a_level_changes_is_all_that_it_changes():
    found = changes(STUDY.network)
    assert found["filters", "64"] == "filters 64"
    assert found["optimizer", "Adam"] == "learning rate 0.001, optimizer Adam"
    assert found["optimizer", "SGD"] == "momentum 0, nesterov no"
    assert found["fast", "all images whole"] == "epochs 8, small images –"
    assert found["filters", "32"] == ""  # the base


def test_levels_are_sorted_by_what_their_intervals_decide(summary):
    table = changed(summary, level(summary, "64"), survives=1.0)
    assert effects(table)["better"] == ["64*"]
    table = changed(summary, level(summary, "64"), survives=0.0)
    assert effects(table)["better"] == ["64"]
    assert effects(table)["worse"][0].startswith("16")
    table = changed(summary, level(summary, "64"), difference_low=-0.001)
    assert effects(table)["undecided"] == ["64"]
    worse = changed(summary, level(summary, "64"), difference_low=-0.4, difference_high=-0.3)
    assert "64" in " ".join(effects(worse)["worse"])
    few = changed(summary, level(summary, "64"), difference_low=np.nan, difference_high=np.nan)
    assert effects(few)["undecided"] == ["64"]


def test_the_paragraph_counts_comparisons_and_what_survives(summary):
    rows = outcomes(summary)
    compared = [o for o in rows if o.kind == "sweep" and o.interval("difference")]
    kept = [o for o in compared if o.values["survives"]]
    text = factors.factors_paragraph(rows, TITLES, IMAGES)
    assert f"correction for {len(compared)} comparisons, " in text
    assert ("marked *" in text) == bool(kept)
    assert "Levels of number of filters and optimizer also differ" in text or (
        "Levels of number of filters also differ" in text
    )
    none = factors.factors_paragraph(outcomes(summary.assign(survives=0.0)), TITLES, IMAGES)
    assert "comparisons, none remains." in none
    few = summary.assign(difference_low=np.nan, difference_high=np.nan, pairs=2)
    text = factors.factors_paragraph(outcomes(few), TITLES, IMAGES)
    assert "With two seeds a difference has no interval, so nothing is decided." in text


def test_holm_marks_fewer_differences_than_their_own_intervals_decide(summary):
    sweeps = summary[(summary["kind"] == "sweep") & summary["difference_p"].notna()]
    decided = (sweeps["difference_low"] > 0) | (sweeps["difference_high"] < 0)
    assert set(sweeps[sweeps["survives"] == 1].index) < set(sweeps[decided].index)


def test_nothing_is_concluded_where_every_level_is_at_chance(summary):
    table = changed(summary, summary["group"] == "filters", validation_accuracy=0.1)
    assert effects(table) == {
        "better": [],
        "worse": [],
        "undecided": [],
        "at chance": ["16", "32", "64"],
    }
    text = factors.factors_paragraph(outcomes(table), TITLES, IMAGES)
    assert "Nothing follows for number of filters: every level is at chance" in text
    row = factors.factor_table(outcomes(table), TITLES, IMAGES)["body"][0]
    assert row[2:5] == ["", "", "all levels are at chance: no conclusion"]
    one = changed(summary, level(summary, "16"), validation_accuracy=0.11)
    row = factors.factor_table(outcomes(one), TITLES, IMAGES)["body"][0]
    assert row[4] == "at chance: 16"


def test_a_level_that_always_diverges_is_said(summary):
    table = changed(
        summary, level(summary, "16"), validation_accuracy=np.nan, difference=np.nan, diverged=3
    )
    text = factors.factors_paragraph(outcomes(table), TITLES, IMAGES)
    assert "All 3 runs of 16 diverged." in text


def test_ablations_say_whether_a_part_helps(summary):
    part = level(summary, "no whitening", "fast")
    worse = changed(summary, part, difference=-0.01, difference_low=-0.02, difference_high=-0.001)
    assert "Fast is worse with no whitening" in factors.ablations_paragraph(outcomes(worse), IMAGES)
    better = changed(summary, part, difference=0.01, difference_low=0.001, difference_high=0.02)
    better = changed(better, part, survives=1.0)
    text = factors.ablations_paragraph(outcomes(better), IMAGES)
    assert "Fast is better with no whitening*" in text
    stuck = changed(summary, summary["run"] == "final/fast", validation_accuracy=0.1)
    text = factors.ablations_paragraph(outcomes(stuck), IMAGES)
    assert "Fast is at chance, so nothing follows about its parts." in text


@pytest.mark.parametrize(
    ("difference", "low", "high", "text"),
    [
        (0.01, 0.005, 0.015, "better\n+1.00 [+0.50, +1.50]"),
        (-0.01, -0.015, -0.005, "worse\n−1.00 [−1.50, −0.50]"),
        (0.01, -0.005, 0.025, "not decided\n+1.00 [−0.50, +2.50]"),
        (0.01, np.nan, np.nan, "not decided\n+1.00"),
    ],
)
@pytest.mark.parametrize("column", [1, 2])
def test_fast_is_compared_with_the_published_design(
    summary, comparisons, column, difference, low, high, text
):
    measure = finals.ACCURACIES[column - 1]
    pair = (comparisons["first"] == "speedrun") & (comparisons["second"] == "fast")
    pair &= comparisons["measure"] == measure
    table = changed(comparisons, pair, difference=difference, low=low, high=high)
    row = finals.against_table(outcomes(summary), table, IMAGES)["body"][0]
    assert row[0] == "fast against airbench94 design"
    assert row[column] == text
    stuck = changed(summary, summary["run"] == "final/fast", **{measure: 0.1})
    assert finals.against_table(outcomes(stuck), table, IMAGES)["body"][0][column] == "at chance"


def test_a_comparison_reads_the_same_from_both_ends(comparisons):
    one = finals.compared(comparisons, "fast", "speedrun", "test_accuracy")
    other = finals.compared(comparisons, "speedrun", "fast", "test_accuracy")
    assert one.difference == -other.difference
    assert one.interval == pytest.approx((-other.interval[1], -other.interval[0]))
    assert one.ratio == pytest.approx(1 / other.ratio)
    assert finals.compared(comparisons, "fast", "nothing", "test_accuracy") is None


def test_costs_are_ratios_of_the_tables(summary, comparisons):
    rows = {o.level: o for o in outcomes(summary) if o.kind == "final"}
    row = finals.against_table(outcomes(summary), comparisons, IMAGES)["body"][0]
    ratio = rows["fast"].known("parameters") / rows["speedrun"].known("parameters")
    assert row[3] == number(ratio)
    found = finals.compared(comparisons, "fast", "speedrun", "train_flops")
    assert row[4] == number(found.ratio)


def test_finals_are_named_by_what_they_are_best_at(summary):
    text = finals.finals_paragraph(outcomes(summary), IMAGES)
    assert "The most accurate is “accurate”." in text
    assert "“compact” needs the fewest parameters." in text
    assert re.search(r"“\w+” needs the fewest training operations\.", text)
    stuck = changed(summary, summary["run"] == "final/accurate", test_accuracy=0.1)
    text = finals.finals_paragraph(outcomes(stuck), IMAGES)
    assert "At chance: accurate." in text
    assert "The most accurate is “accurate”" not in text


def test_published_networks_are_shown_on_comparable_data_only(results, summary, tmp_path):
    rows = outcomes(summary)
    text = finals.published_paragraph(rows, synthetic.dataset(), IMAGES)
    assert "leave out published networks" in text
    assert "JPEG" in text
    text = finals.published_paragraph(rows, OFFICIAL, IMAGES)
    tiny = next(entry for entry in PUBLISHED if entry.name == "cifar10-tiniest")
    assert "compact (92.51 %), by" in text
    assert tiny.name in text
    better = changed(summary, summary["level"] == "compact", test_accuracy_augmented=0.99)
    text = finals.published_paragraph(outcomes(better), OFFICIAL, IMAGES)
    assert "No published network in the table beats compact" in text
    folder = shutil.copytree(results, tmp_path / "results")
    write_json(
        folder / "data/dataset.json",
        {**OFFICIAL, "official_pixels": False, "official_share": 0.9985},
    )
    assert content(folder, STUDY)["network"]["published"]["body"]
    assert not content(results, STUDY)["network"]["published"]["body"]
    build.build(folder, STUDY, tmp_path / "report.pdf")


@pytest.mark.parametrize(
    ("seeds", "marks"), [((0,), []), ((0, 1), [" and "]), ((0, 1, 2), [" ± "])]
)
def test_of_one_seed_the_value_of_two_both_of_three_the_spread(results, tmp_path, seeds, marks):
    study = study_with(seeds=seeds, final_seeds=seeds)
    found = smaller(results, tmp_path / "results", study, views=False)["network"]
    assert "nan" not in re.findall(r"\w+", str(found).lower())
    cells = [row[1] for row in found["finals"]["body"] if row[0] != "plain tensors"]
    for mark in (" and ", " ± "):
        assert all((mark in cell) == (mark in marks) for cell in cells)
    brackets = [row[2] for row in found["levels"]["body"] if "[" in row[2]]
    assert bool(brackets) == (len(seeds) == 3)
    limitations = " ".join(found["limitations"])
    assert ("fewer than 3 seeds" in limitations) == (len(seeds) < 3)
    build.build(tmp_path / "results", study, tmp_path / "report.pdf")


def test_a_study_of_sweeps_alone_has_a_report(results, tmp_path):
    study = study_with(finals={}, ablations={}, plain=None, insight=None)
    folder = tmp_path / "results"
    found = smaller(results, folder, study)
    assert found["network"]["finals"]["body"] == []
    build.build(folder, study, tmp_path / "report.pdf")


def test_a_study_without_sweeps_has_a_report(results, tmp_path):
    study = study_with(sweeps={}, ablations={}, insight=None)
    found = smaller(results, tmp_path / "results", study)
    assert found["network"]["sweeps"] == []
    build.build(tmp_path / "results", study, tmp_path / "report.pdf")


def test_figures_of_what_was_learned_are_shown_where_there_are_some(results, tmp_path, monkeypatch):
    spec = FigureSpec("a", "b", "network", ("network/insight.json",), needs="insight")
    monkeypatch.setitem(FIGURES, "insight_test", spec)
    monkeypatch.setitem(captions.CAPTIONS, "insight_test", captions.Caption("Filters", "Seen."))
    shutil.copy(results / "figures/blank.pdf", results / "figures/insight_test.pdf")
    assert content(results, STUDY)["network"]["insight"][-1] == "insight_test"
    build.build(results, STUDY, tmp_path / "a.pdf")
    assert "What the networks learned" in text_of(tmp_path / "a.pdf")


def test_runs_that_could_not_be_inspected_are_named(results, said, tmp_path):
    assert said["insight_missing"] == ""
    folder = shutil.copytree(results, tmp_path / "results")
    lost = "bands/vgg_a/lr0.001/seed0"
    write_json(folder / "network/insight.json", {"networks": [], "diverged": [lost]})
    sentence = content(folder, STUDY)["network"]["insight_missing"]
    assert sentence == f"Not inspected, because they diverged: {lost}."


def test_the_question_names_what_there_is():
    text = " ".join(question(STUDY.network))
    assert "compact for few parameters" in text
    assert "airbench94 design (Jordan 2024)" in text
    few = STUDY.network.model_copy(
        update={"finals": {"resnet18": STUDY.network.finals["resnet18"]}, "ablations": {}}
    )
    text = " ".join(question(few))
    assert "compact" not in text
    assert "ablations" not in text


def test_limitations_follow_the_study(summary):
    rows = outcomes(summary)
    text = " ".join(limits.limitations(rows, synthetic.dataset(), IMAGES))
    assert "one image is 0.1 points" in text
    assert "JPEG" in text
    assert f"{summary['difference_low'].notna().sum()} differences have a 95 % interval" in text
    text = " ".join(limits.limitations(rows, OFFICIAL, Images(10_000, 0, 10)))
    assert "JPEG" not in text
    assert "held-out images; one" not in text


def test_every_level_is_in_the_table_with_its_difference(said, summary):
    rows = {row[0].partition(":")[0]: row for row in said["levels"]["body"]}
    row = summary[level(summary, "64")].iloc[0]
    assert points_span((row["difference_low"], row["difference_high"]), 1000) in rows["64"][2]
    assert rows["64"][-1] == f"{row['learning_rate']:g}"
    assert rows["*Number of filters*"][1:] == [""] * 6
    count = summary["kind"].isin(["sweep", "ablation"]).sum()
    groups = [row for row in said["levels"]["body"] if row[0].startswith("*")]
    assert len(said["levels"]["body"]) == count + len(groups)
    tensors = [o for o in outcomes(summary) if o.kind == "plain"][0]
    assert accuracy_text(tensors, "test_accuracy", IMAGES) == said["finals"]["body"][-1][1] + " %"


def test_how_learning_rates_were_chosen_is_said():
    network = STUDY.network
    assert "with seed 0 at 0.5, 1 and 2 times its learning rate" in tuning.how(network)
    chosen = {"base": 1, "sweep/filters/16": 2, "sweep/filters/64": 0.5}
    assert "For two of three settings it is an end of the range" in tuning.limits(network, chosen)
    assert "an end" not in tuning.limits(network, {"base": 1})
    untuned = network.model_copy(update={"tune": None})
    assert tuning.how(untuned) == ""
    assert "were not tuned" in tuning.limits(untuned, {})


def test_a_network_study_at_chance_ranks_nothing(results, tmp_path):
    folder = shutil.copytree(results, tmp_path / "results")
    table = read_table(folder / "network/summary.csv")
    accuracies = [name for name in table if name in ("test_accuracy", "validation_accuracy")]
    table[accuracies] = table[accuracies].where(table[accuracies].isna(), 0.1)
    table.to_csv(folder / "network/summary.csv", index=False)
    found = content(folder, STUDY)
    assert found["answer"][-1] == "No final network learned: all are at chance."
    assert "Its test accuracy is at chance." in found["network"]["plain_text"]
    assert "most accurate" not in str(found["network"]["finals_text"])
