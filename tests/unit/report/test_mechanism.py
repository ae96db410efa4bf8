"""The chapter says what the verdicts say."""

import re

import numpy as np
import pandas as pd
import pytest

from landscape.config.study import load_study, validate_study
from landscape.config.yaml_files import read_yaml
from landscape.figures.registry import FIGURES
from landscape.figures.selection import wanted
from landscape.report import build
from landscape.report.mechanism import chapter, edge
from landscape.report.mechanism.answer import explanations_table, mechanism_answer
from landscape.storage.tables import read_table, write_table
from landscape.tables.verdicts import verdicts
from support import synthetic_tables as synthetic
from support.artefacts import ROOT
from support.report import study_of, text_of

SEEDS = range(3)


@pytest.fixture
def said(tmp_path):
    study = validate_study(read_yaml(ROOT / "config.yaml")).mechanism
    numbers = pd.DataFrame(
        [
            ("lambda_1", arch, seed, value + seed / 100)
            for arch, value in (("vgg_a", 10.0), ("vgg_a_bn", 20.0))
            for seed in range(3)
        ],
        columns=["quantity", "arch", "seed", "value"],
    )
    looked = pd.DataFrame(
        [
            ("vgg_a_bn", 0.1, 0, 15000, 0.5, q, "", v)
            for q, v in (("lambda_1", 30.0), ("batch_sharpness", 20.0))
        ],
        columns=["arch", "learning_rate", "seed", "step", "loss", "quantity", "layer", "value"],
    )
    runs = pd.DataFrame(
        [
            ("vgg_a_bn_frozen", 0.1, 0, "vgg_a_bn_frozen/lr0.1", "diverged", "cpu", "float32"),
            ("vgg_a", 10.0, 0, "range/vgg_a/lr10.0", "diverged", "cpu", "float32"),
        ],
        columns=["arch", "learning_rate", "seed", "name", "status", "device", "precision"],
    )
    folder = tmp_path / "mechanism"
    equal = numbers.assign(loss=1.0, value=30.0 - numbers["value"] - numbers["seed"] / 10)
    tables = {
        "verdicts.csv": verdicts(numbers, equal),
        "summary.csv": numbers.assign(diverged=False),
        "mechanism.parquet": looked,
        "runs.csv": runs,
    }
    for name, table in tables.items():
        write_table(folder / name, table)
    return chapter.content(tmp_path, study)


def test_the_report_holds_the_chapter(said, tmp_path):
    """Typeset with the figures blank: every table and reference of the chapter is there."""
    figures = tuple(name for name in FIGURES if name.startswith("mechanism_"))
    assert len(figures) == 4
    whole = load_study([ROOT / "config.yaml"])
    plain = study_of()
    study = plain.model_copy(update={"mechanism": whole.mechanism})
    synthetic.write_results(tmp_path, ("vgg_a", "vgg_a_bn"), (0, 1, 2))
    runs = read_table(tmp_path / "probe/runs.csv").assign(name="vgg_a/lr0.1")
    write_table(tmp_path / "mechanism/runs.csv", runs)
    synthetic.blank_figures(tmp_path, wanted(study))
    build.build(tmp_path, study, tmp_path / "report.pdf")
    text = text_of(tmp_path / "report.pdf")
    assert "What explains it?" in text
    assert "contradicted" in text


def test_each_explanation_is_a_row_with_its_verdict(said):
    rows = {row[0].partition(":")[0]: row for row in said["verdicts"]["body"]}
    sharpness = rows["Lower sharpness"]
    assert sharpness[1] == "λ₁: VGG-A + BatchNorm < VGG-A"
    assert sharpness[2] == "20.0\n10.0"
    assert sharpness[3].startswith("2.00\n[")
    assert sharpness[4] == "contradicted"
    assert rows["Larger learning rates"][2:5] == ["", "", "not measured"]
    assert sharpness[5].startswith("0.497\n[")
    assert any("Contradicted (1 of 11): lower sharpness." in text for text in said["summary"])
    assert said["summary"][-1] == (
        "Lower sharpness: contradicted at equal steps, supported at equal loss."
    )


def test_each_network_has_its_own_numbers(said):
    assert said["networks"]["head"] == ["network", "λ₁"]
    plain, normalized = said["networks"]["body"]
    assert plain[0] == "VGG-A"
    assert plain[1].startswith("10.0\n[")
    assert normalized[1].startswith("20.0\n[")


def test_the_slower_runs_are_told_where_there_are_some(said, tmp_path):
    study = validate_study(read_yaml(ROOT / "config.yaml")).mechanism
    assert "mini-batches; two of them also at 0.02." in said["setup"]
    alone = study.model_copy(update={"slower": study.slower.model_copy(update={"networks": {}})})
    assert "on the same mini-batches. Their" in chapter.content(tmp_path, alone)["setup"]


def test_the_edge_is_told_relative_to_two_over_the_rate(said):
    (row,) = said["edge"]["body"]
    assert row == ["VGG-A + BatchNorm", "0.1", "15,000", "1.50", "1.00", "0.500"]


LOSSES = (("vgg_a", 1.0), ("vgg_a_bn", 0.5))


def summary(*losses):
    rows = [
        ("final_loss", arch, seed, value + seed / 100) for arch, value in losses for seed in SEEDS
    ]
    return pd.DataFrame(rows, columns=["quantity", "arch", "seed", "value"])


@pytest.fixture
def alone(tmp_path):
    """The first page of a report of a mechanism study and nothing else."""

    def page(numbers, equal):
        lost = np.isinf(numbers["value"])
        ended = numbers.assign(value=numbers["value"].mask(lost), diverged=lost)
        write_table(tmp_path / "mechanism/summary.csv", ended)
        write_table(tmp_path / "mechanism/verdicts.csv", verdicts(numbers, equal))
        return mechanism_answer(tmp_path, alone=True), explanations_table(tmp_path)

    return page


def test_page_one_says_which_predictions_hold(alone):
    numbers = pd.concat(
        [summary(*LOSSES, ("vgg_a_init", 0.8)), summary(*LOSSES).assign(quantity="lambda_1")]
    )
    answer, table = alone(numbers, numbers.assign(loss=1.0))
    assert answer == [
        "The final loss of VGG-A + BatchNorm is 0.505 times that of VGG-A.",
        "Explanations of batch normalization make 11 predictions here: two are supported (lower "
        "sharpness and a better start helps) and one is contradicted (a better start suffices).",
    ]
    assert len(table["body"]) == 8
    assert [row[3] for row in table["body"][:4]] == [
        "✓ supported", "✓ supported", "✗ contradicted", "– not measured",
    ]  # fmt: skip
    assert table["body"][0][:3] == ["Lower sharpness", "λ₁: VGG-A + BatchNorm < VGG-A", "0.505"]


def test_swapped_networks_swap_page_one(alone):
    swapped = summary(("vgg_a", 0.5), ("vgg_a_bn", 1.0), ("vgg_a_init", 0.8))
    answer, _ = alone(swapped, swapped.assign(loss=1.0))
    assert answer[0] == "The final loss of VGG-A + BatchNorm is 1.98 times that of VGG-A."
    assert "(a better start suffices)" in answer[1].partition("contradicted")[0]


def test_one_seed_makes_nothing_certain_on_page_one(alone):
    one = summary(*LOSSES).query("seed == 0")
    answer, _ = alone(one, one.assign(loss=1.0))
    assert answer[0].endswith("0.500 times that of VGG-A; whether they differ is not decided.")


def test_page_one_says_what_is_open_and_what_for_lack_of_seeds(alone):
    one = summary(*LOSSES, ("vgg_a_init", 0.8)).query("seed == 0")
    answer, _ = alone(one, one.assign(loss=1.0))
    assert answer[1:] == [
        "Explanations of batch normalization make 11 predictions here: none is supported and none "
        "is contradicted.",
        "Two are not decided, because of too few seeds; nine are not measured.",
    ]
    mixed = summary(*LOSSES).assign(quantity="lambda_1", value=[2.0, 0.5, 2.0, 1.0, 1.0, 1.0])
    answer, _ = alone(pd.concat([one, mixed]), one.assign(loss=1.0))
    assert answer[-1] == (
        "Three are not decided, two of them because of too few seeds; eight are not measured."
    )


def test_where_the_plain_network_diverges_page_one_compares_nothing(alone):
    lost = summary(("vgg_a", np.inf), ("vgg_a_bn", 0.5))
    answer, _ = alone(lost, lost.assign(loss=1.0))
    assert len(answer) == 1


@pytest.mark.parametrize(("plain", "word"), [(0.4, "more"), (160.0, "less")])
def test_the_start_is_told_whichever_network_is_the_more_curved(plain, word):
    looked = pd.DataFrame(
        [
            (arch, 0.1, step, "lambda_1", value)
            for arch, at_first in (("vgg_a", plain), ("vgg_a_bn", 80.0))
            for step, value in ((0, at_first / 2), (0, at_first * 2), (100, 7.0))
        ],
        columns=["arch", "learning_rate", "step", "quantity", "value"],
    )
    (said,) = chapter.start(looked, 0.1)
    assert said.startswith("Before any training, λ₁ is 80.0 for VGG-A + BatchNorm and ")
    assert said.endswith(f": with BatchNorm the loss is {word} curved at the start.")
    assert chapter.start(looked[looked["arch"] == "vgg_a"], 0.1) == []


def test_a_network_that_diverges_is_said_to():
    lost = pd.DataFrame(
        [("final_loss", "vgg_a", seed, value) for seed, value in enumerate([1.0, 1.1, np.nan])]
        + [("final_loss", "vgg_a_bn_frozen", seed, np.nan) for seed in range(3)],
        columns=["quantity", "arch", "seed", "value"],
    )
    lost = lost.assign(diverged=lost["value"].isna())
    assert chapter.networks(lost)["body"] == [
        ["VGG-A", "1.05\n1 of 3 diverge"],
        ["VGG-A + frozen BatchNorm", "diverges"],
    ]


def test_runs_that_diverged_are_named_and_short_ones_are_not(said):
    told = [text for text in said["limits"] if "diverged" in text]
    assert told == [
        "VGG-A + frozen BatchNorm: one run diverged. Verdicts rank the final loss of such a run "
        "above any other. No ratio is then defined, and a verdict needs the same order with every "
        "seed."
    ]


def test_where_runs_diverge_the_order_of_the_seeds_is_told_instead_of_a_ratio(alone):
    lost = summary(("vgg_a_bn", 0.4), ("vgg_a_bn_frozen", 0.9))
    lost.loc[lost.index[-2:], "value"] = np.inf
    _, table = alone(lost, lost.assign(loss=1.0))
    (row,) = (row for row in table["body"] if row[0].startswith("Normalizing during training"))
    assert row[2:4] == ["lower", "✓ supported"]
    for verdict, relation, told in (
        ("supported", ">", "higher\n4 of 4 seeds"),
        ("contradicted", "<", "higher\n4 of 4 seeds"),
        ("contradicted", ">", "lower\n4 of 4 seeds"),
        ("not decided", "<", ""),
    ):
        assert chapter.order({"verdict": verdict, "relation": relation, "seeds": 4}) == told


def best(**rates):
    rows = [("best_rate", arch, s, rate) for arch, all_ in rates.items() for s, rate in all_]
    return pd.DataFrame(rows, columns=["quantity", "arch", "seed", "value"])


def test_whose_best_learning_rate_the_study_s_is_is_told():
    found = best(vgg_a_bn=[(0, 0.1), (1, 0.1)], vgg_a=[(1, 0.3)], vgg_a_init=[(0, 0.03)])
    (said,) = chapter.rates(found, 0.1)
    assert said == (
        "All train at learning rate 0.1. The short runs end lowest at 0.1 with VGG-A + BatchNorm; "
        "at 0.3 with VGG-A; at 0.03 with VGG-A, normalized once. So 0.1 is BatchNorm's best rate: "
        "there, verdicts on final losses compare each network at BatchNorm's best rate and not at "
        "its own."
    )
    (said,) = chapter.rates(best(vgg_a_bn=[(0, 0.1), (1, 0.3)], vgg_a=[(0, 0.1)]), 0.1)
    assert "end lowest at 0.1 and 0.3 with VGG-A + BatchNorm" in said
    assert said.endswith("Verdicts on final losses hold at 0.1 alone.")
    assert chapter.rates(best(vgg_a=[(0, 0.1)]), 0.1) == []


def ended(*rows):
    """λ₁ of (network, learning rate, in units of 2/lr), and κ at half of it, by step 10 and 100."""
    return pd.DataFrame(
        [
            (arch, rate, 0, step, 1.0, quantity, "", share * 2 / rate * part)
            for arch, rate, share in rows
            for step, part in ((10, 7.0), (100, 1.0))
            for quantity, part in (("lambda_1", part), ("batch_sharpness", part / 2))
        ],
        columns=["arch", "learning_rate", "seed", "step", "loss", "quantity", "layer", "value"],
    )


AT_THE_EDGE = (("vgg_a", 0.1, 1.2), ("vgg_a_bn", 0.1, 1.9))


def test_at_the_edge_of_stability_lambda_at_the_end_is_said_to_decide_nothing():
    slow = (("vgg_a", 0.02, 1.05), ("vgg_a_bn", 0.02, 1.06))
    (said,) = edge.stability(ended(*AT_THE_EDGE, *slow), 0.1)
    assert said.startswith(
        "In units of 2/lr, λ₁ ends at 1.20 for VGG-A and 1.90 for VGG-A + BatchNorm at learning "
        "rate 0.1; at 1.05 for VGG-A and 1.06 for VGG-A + BatchNorm at learning rate 0.02. Both"
    )
    assert "cannot show whose loss is smoother" in said
    below = (("vgg_a", 0.02, 0.3), ("vgg_a_bn", 0.02, 1.06))
    (said,) = edge.stability(ended(*AT_THE_EDGE, *below), 0.1)
    assert "0.02" not in said
    assert edge.stability(ended(("vgg_a", 0.1, 0.1), ("vgg_a_bn", 0.1, 1.9)), 0.1) == []
    assert edge.stability(ended(("vgg_a_bn", 0.1, 1.9)), 0.1) == []


def test_published_values_stand_beside_those_of_this_study():
    largest = [
        ("largest_rate", arch, s, r) for arch, s, r in (("vgg_a", 0, 0.3), ("vgg_a", 1, 0.1))
    ]
    summary = pd.DataFrame(largest, columns=["quantity", "arch", "seed", "value"])
    table = edge.literature(ended(*AT_THE_EDGE), summary, 0.1)
    rows = {row[0]: row for row in table["body"]}
    assert rows["λ₁ ÷ (2/lr) at the end"][3:] == ["1.20", "1.90"]
    assert rows["κ ÷ (2/lr) at the end"][3:] == ["0.600", "0.950"]
    assert rows["largest rate that trains"][3:] == ["0.300", ""]
    assert all(re.search(r"\d{4}, arXiv:\d{4}\.\d{5}, \w+", row[2]) for row in table["body"])


def test_where_the_images_do_not_compare_there_are_no_published_values(said, tmp_path):
    study = validate_study(read_yaml(ROOT / "config.yaml")).mechanism
    assert said["literature"]["body"]
    assert chapter.content(tmp_path, study, published=False)["literature"]["body"] == []
