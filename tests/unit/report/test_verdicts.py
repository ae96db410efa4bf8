"""Words and marks follow the intervals; chance and digits follow the number of images."""

import numpy as np
import pandas as pd
import pytest

from landscape.notation.numbers import decimals, number, percent, points, quantity, span
from landscape.report.batchnorm.claims import CLAIMS
from landscape.report.batchnorm.course import narrower_from
from landscape.report.batchnorm.endings import chance_sentence, diverged
from landscape.report.batchnorm.facts import Facts
from landscape.report.batchnorm.limits import FULL, Scale, limitations
from landscape.report.batchnorm.questions import _beta, _scale, _sizes, _spikes
from landscape.report.batchnorm.step_sizes import by_step_size, left_behind
from landscape.report.batchnorm.summary import numbers, values_text, verdicts
from landscape.report.captions import CAPTIONS, filled
from landscape.report.chance import at_chance, differ
from landscape.report.first_page import authors, date
from landscape.report.phrases import listed, several
from landscape.report.verdicts import Decision, decide, direction_words, on_claim, stated
from landscape.tables.published import comparable
from landscape.tables.rows import headline_rows
from support import synthetic_tables as synthetic
from unit.report.test_build import study_of

IMAGES = 10_000


def rows(means=None, seeds=(0, 1, 2), within=None, architectures=("vgg_a", "vgg_a_bn")):
    return headline_rows(synthetic.summary(means or {}, architectures, seeds, within))


def one(low, high, seeds=(0, 1, 2), measure="loss_range_mean", within=None):
    table = rows({measure: (low, high)}, seeds, {measure: within} if within else None)
    return table[measure]


@pytest.mark.parametrize(
    ("row", "decision", "claim"),
    [
        (one(3.0, 1.0), Decision("smaller", firm=True), "found"),
        (one(1.0, 3.0), Decision("larger", firm=True), "contradicted"),
        (one(1.0, 1.0065), Decision("undecided"), "not decided"),
        (one(1.0, 1.0), Decision("equal"), "equal"),
        (one(3.0, 1.0, (0,)), Decision("undecided"), "not decided"),
        (one(3.0, 1.0, (0,), within=(0.3, 0.4)), Decision("smaller"), "likely"),
        (one(3.0, 1.0, (0, 1), within=(0.2, 1.4)), Decision("undecided"), "not decided"),
        (one(1.0, 3.0, (0, 1), within=(2.9, 3.4)), Decision("larger"), "unlikely"),
        (one(0.0, 1.0), Decision("unknown"), "not measured"),
    ],
)
def test_a_ratio_is_decided_by_its_interval(row, decision, claim):
    assert decide(row, IMAGES) == decision
    assert on_claim(decision, "smaller").word == claim


def test_the_accuracies_of_few_seeds_are_decided_by_their_test_images():
    row = one(0.75, 0.80, (0,), "test_accuracy_best")
    assert decide(row, IMAGES) == Decision("larger")
    assert decide(row, 100) == Decision("undecided")


def test_equal_within_the_digits_shown_is_equal():
    assert decide(one(1.0, 1.004), IMAGES).direction == "equal"
    assert decide(one(0.8312, 0.8313, measure="test_accuracy"), 1000).direction == "equal"
    assert stated({"β": one(1.0, 1.0)}, IMAGES) == [
        "β is equal for both networks, within the digits shown."
    ]


def test_sentences_turn_with_the_numbers_and_share_an_outcome():
    table = {"the range": one(3.0, 1.0), "the turn": one(2.0, 1.0), "β": one(1.0, 2.0)}
    assert stated(table, IMAGES) == [
        "The range and the turn are smaller for VGG-A + BatchNorm than for VGG-A.",
        "β is larger for VGG-A + BatchNorm than for VGG-A.",
    ]
    (open_,) = stated({"the range": one(1.0, 1.0065)}, IMAGES)
    assert open_.startswith("It is not decided whether the range")
    assert open_.endswith(": the interval over three seeds includes equality.")
    (few,) = stated({"the range": one(3.0, 1.0, (0, 1), within=(0.3, 0.4))}, IMAGES)
    assert "is probably smaller" in few
    assert "two seeds are too few to be sure" in few
    assert stated({"the range": rows({"x": (1.0,)}, architectures=("vgg_a",))["x"]}, IMAGES) == []


def test_one_seed_shows_the_value_two_show_both_three_an_interval():
    cells = [values_text(one(2.0, 1.0, range(n)), "vgg_a", IMAGES) for n in (1, 2, 3)]
    assert cells[0] == "2.00 nats"
    assert cells[1].count("and") == 1
    assert cells[1].endswith("nats")
    assert cells[2].startswith("2.00 nats\n[1.")
    both = values_text(one(0.5, 0.9, (0, 1), "test_accuracy"), "vgg_a", 1000)
    assert both == "49.8 and 50.2 %" or both.count("%") == 1


def test_no_interval_of_two_seeds_is_anywhere():
    tables = {
        "bands": rows(synthetic.BANDS_SUMMARY, (0, 1)),
        "probe": rows(synthetic.PROBE_SUMMARY, (0, 1)),
    }
    texts = [numbers(table, IMAGES) for table in tables.values()] + [verdicts(tables, IMAGES)]
    assert "[" not in "".join(cell for table in texts for row in table["body"] for cell in row)


def test_the_table_of_verdicts_has_every_ratio_its_interval_and_the_medians():
    means = {"loss_range_mean": (3.14, 0.476), "loss_range_median": (2.0, 0.5)}
    tables = {"bands": {}, "probe": rows(means)}
    table = verdicts(tables, IMAGES)
    (group, row) = table["body"]
    assert group[0] == "*along the gradient*"
    assert row[:3] == ["range of the loss, mean", "smaller", "0.152"]
    assert row[3].startswith("[0.1")
    assert row[4] == "0.250"
    within = rows({"loss_range_mean": (3.0, 1.0)}, (0,), {"loss_range_mean": (0.3, 0.4)})
    assert verdicts({"bands": {}, "probe": within}, IMAGES)["body"][1][3] == "[0.300, 0.400]‡"
    assert direction_words(Decision("larger"), "test_accuracy") == "likely higher"


def test_unknown_measures_and_empty_cells_are_shown_as_they_are():
    table = numbers(rows({"new_measure": (1.0, 2.0), "loss_band_width": (np.nan, 1.0)}), IMAGES)
    assert table["body"][0][0] == "new_measure"
    assert table["body"][1][1] == ""


def test_beta_is_compared_size_by_size():
    table = rows({"beta_at_0.25": (3.0, 1.0), "beta_at_1.0": (1.0, 1.0), "beta_at_4.0": (1.0, 2.0)})
    (said,) = by_step_size(table, IMAGES)
    intervals = {size: span(row.ratio_interval) for size, row in table.items()}
    assert said == (
        "β of VGG-A + BatchNorm, compared with that of VGG-A (95 % interval of the ratio in "
        f"brackets), is lower at η = lr/4 {intervals['beta_at_0.25']}; equal at η = lr "
        f"{intervals['beta_at_1.0']}; higher at η = 4 lr {intervals['beta_at_4.0']}."
    )
    (few,) = by_step_size(rows({"beta_at_1.0": (1.0, 2.0)}, (0, 1)), IMAGES)
    assert few == "β of VGG-A + BatchNorm, compared with that of VGG-A, is not decided at η = lr."


def test_a_gradient_is_left_behind_only_where_it_has_all_but_vanished():
    """On a quadratic with β = 40 at every step size, the gradient grows: nothing is left behind."""
    eta, curvature = 0.1, 40.0
    share = abs(1 - eta * curvature)  # of the gradient's length after the step
    assert curvature * eta >= 1  # it changed by more than its own length
    assert left_behind(rows({"gradient_left_at_1.0": (share, share)})) == []
    (said,) = left_behind(rows({"gradient_left_at_1.0": (0.9, 0.03)}))
    assert (
        "After a step of η = lr, the norm of the gradient of VGG-A + BatchNorm is less than a tenth"
        in said
    )


def test_late_means_that_rest_on_spikes_are_named():
    def spikes(mean, median):
        means = {"loss_range_late": mean, "loss_range_late_median": median}
        tables = {"bands": {}, "probe": rows(means)}
        return _spikes(Facts(tables, {}, pd.DataFrame(), study_of(), IMAGES, 10))

    assert spikes((1.36, 1.19), (1.3, 1.1)) == []
    (said,) = spikes((1.36, 1.19), (0.59, 1.26))
    assert said.startswith("Spikes decide the means of the range of the loss at the end")


def test_the_step_from_which_a_band_is_the_narrower_one():
    table = synthetic.probe_bands(synthetic.probe(seeds=(0, 1)))
    later = table[(table["arch"] == "vgg_a_bn") & (table["measure"] == "loss")]
    table.loc[later.index, "maximum"] = later["minimum"] + np.where(later["step"] < 60, 9.0, 1e-6)
    assert narrower_from(table, "loss", "vgg_a", "vgg_a_bn") == 60
    table.loc[later.index, "maximum"] = later["minimum"]
    assert narrower_from(table, "loss", "vgg_a", "vgg_a_bn") == 0
    last = later[later["step"] == later["step"].max()].index[0]  # of one seed
    table.loc[last, "maximum"] = 99.0
    assert narrower_from(table, "loss", "vgg_a", "vgg_a_bn") is None
    assert narrower_from(table, "loss", "vgg_a", "vgg_a_ln") is None


def test_chance_is_what_guessing_could_reach():
    assert at_chance(0.104, 1000, 10)
    assert not at_chance(0.14, 1000, 10)
    random = np.random.default_rng(0)
    guesses = random.binomial(1000, 0.1, 5000) / 1000
    assert 0.95 < np.mean([at_chance(share, 1000, 10) for share in guesses]) < 0.99
    assert not differ(0.80, 0.81, 1000)
    assert differ(0.70, 0.80, 1000)


def test_runs_that_did_not_learn_are_counted():
    runs = synthetic.runs("probe", seeds=(0, 1, 2))
    assert chance_sentence(runs, IMAGES, 10) == ""
    runs.loc[(runs["arch"] == "vgg_a") & (runs["seed"] < 2), "test_accuracy"] = 0.1
    said = chance_sentence(runs, IMAGES, 10)
    assert said == "two of three runs of VGG-A end at chance (10 %)"


def test_many_diverged_runs_are_counted_and_a_few_named():
    runs = synthetic.runs(seeds=(0, 1))
    assert diverged(runs) == []
    runs.loc[runs["arch"] == "vgg_a", ["status", "diverged_at_step"]] = ["diverged", 7]
    (said,) = diverged(runs)
    assert said.startswith("Eight of 16 runs diverged: VGG-A at learning rate 0.0001, seed 0")
    assert "five further runs" in said


@pytest.mark.parametrize(
    ("images", "digits"), [(50, 0), (200, 1), (1000, 1), (5000, 2), (10000, 2)]
)
def test_digits_follow_the_number_of_images(images, digits):
    assert decimals(images) == digits
    assert percent(0.1942, 1000) == "19.4 %"
    assert quantity("test_accuracy", 0.1942, 10_000) == "19.42 %"
    assert (points(0.0042, 1000), points(-0.1, 1000), points(-0.0001, 1000)) == (
        "+0.4",
        "−10.0",
        "0.0",
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
        (7.5e8, "7.50 × 10⁸"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


def test_lists_and_counts():
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"]), listed([])] == [
        "a",
        "a and b",
        "a, b and c",
        "",
    ]
    assert [several(1, "seed"), several(2, "seed"), several(24, "run")] == [
        "one seed",
        "two seeds",
        "24 runs",
    ]


def test_authors_are_those_of_the_citation(tmp_path):
    file = tmp_path / "CITATION.cff"
    assert authors(file) == ""
    file.write_text("authors:\n  - name: the landscape authors\n", "utf-8")
    assert authors(file) == "the landscape authors"
    file.write_text("authors:\n  - {given-names: A, family-names: B}\n  - {name: C}\n", "utf-8")
    assert authors(file) == "A B and C"


def test_the_date_is_the_last_run_s():
    runs = [synthetic.runs(seeds=(0, 1)), synthetic.runs("probe", seeds=(0,))]
    assert date(runs) == "2 March 2026"
    assert date([table.drop(columns="finished") for table in runs]) == ""


def test_limitations_follow_the_study():
    official = {"official_pixels": True, "source": "official", "name": "CIFAR-10"}
    text = " ".join(limitations(FULL, official, study_of(), 20))
    assert "smaller than the full one" not in text
    assert "20 ratios have a 95 % interval" in text
    assert "VGG-19" in text
    assert "no weight decay" in text
    assert "3.9 × 10⁻⁴" in text
    small = Scale(2000, 2, 300, 0.25, 0.25)
    study = study_of(("vgg_a",), (0,)).model_copy(update={"precision": "bfloat16"})
    text = " ".join(limitations(small, {**official, "official_pixels": False}, study, 0))
    assert "2,000 training images (full: 50,000)" in text
    assert (
        "With one seed over learning rates and one seed along the gradient, there are too few"
        in text
    )
    assert "nothing is compared" in text
    assert "bfloat16" in text
    assert "not the official pixels" in text


@pytest.mark.parametrize(
    ("pixels", "share", "compares", "words"),
    [
        (True, 1.0, True, ""),
        (False, 0.9985, True, "can be compared with published ones, except"),
        (None, 0.9985, True, "can be compared with published ones, except"),
        (None, None, False, "nothing proves"),
        (False, None, False, "cannot be compared with published ones"),
    ],
)
def test_published_numbers_compare_where_nearly_all_pixels_are_official(
    pixels, share, compares, words
):
    dataset = {"official_pixels": pixels, "official_share": share, "source": "copy", "name": "C"}
    assert comparable(dataset) == compares
    text = " ".join(limitations(FULL, dataset, study_of(), 0))
    assert words in text
    assert compares or "can be compared with published ones, except" not in text


def test_curvature_and_beta_on_one_batch_are_compared_where_they_are_measured():
    tables = {
        "bands": rows({"same_batch_beta_mean": (1.0, 2.0)}),
        "probe": rows({"curvature_mean": (2.0, 1.0)}),
    }
    facts = Facts(tables, {}, pd.DataFrame(), study_of(), IMAGES, 10)
    text = {name: " ".join(write(facts)) for name, write in (("beta", _beta), ("sizes", _sizes))}
    assert "both gradients on one mini-batch, is higher for VGG-A + BatchNorm" in text["beta"]
    assert "with the Hessian H, is lower for VGG-A + BatchNorm than for VGG-A." in text["sizes"]
    empty = Facts({"bands": {}, "probe": {}}, {}, pd.DataFrame(), study_of(), IMAGES, 10)
    assert "Hessian" not in " ".join(_sizes(empty))


def test_small_steps_and_two_batches_are_told_apart_from_curvature():
    facts = Facts({"bands": {}, "probe": {}}, {}, pd.DataFrame(), study_of(), IMAGES, 10)
    sizes, beta = (" ".join(write(facts)) for write in (_sizes, _beta))
    assert "Small steps do not isolate curvature" in sizes
    assert "mostly mini-batch noise and inversely proportional to the learning rate" in beta
    assert "Only β on one mini-batch describes the landscape." in beta
    scale = " ".join(_scale(facts))
    assert "for this layer alone β(c²η; cθ) · c² = β(η; θ) exactly" in scale
    assert "no factor common to all parameters removes this dependence" in scale
    for figure, words in {
        "probe_beta_heatmap": "Small steps do not isolate curvature",
        "beta_smoothness": "This β is mostly mini-batch noise",
        "gradient_predictiveness": "the distance mixes mini-batch noise with curvature",
    }.items():
        assert words in CAPTIONS[figure].text


def test_no_verdict_on_the_landscape_rests_on_the_band(tiny):
    assert {claim.study for claim in CLAIMS if claim.landscape} == {"probe"}
    band = filled("loss_landscape", tiny).text
    assert "sensitivity to the learning rate, at different weights and losses" in band
