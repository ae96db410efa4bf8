"""The mechanism study's tables: final losses, the trainable range, and verdicts that follow."""

import numpy as np
import pandas as pd
import pytest

from landscape.config.study import validate_study
from landscape.config.yaml_files import read_yaml
from landscape.tables.explanations import EXPLANATIONS
from landscape.tables.mechanism import final_losses, followed, range_table, scalars, windows
from landscape.tables.verdicts import verdicts
from support.artefacts import ROOT


@pytest.fixture(scope="module")
def study():
    content = read_yaml(ROOT / "config.yaml")
    content["mechanism"] |= {"steps": 100}
    return validate_study(content).mechanism


def steps(arch, losses, rate=0.1, seed=0):
    frame = pd.DataFrame({"step": range(len(losses)), "loss": losses})
    return frame.assign(arch=arch, learning_rate=rate, seed=seed)


def numbers(quantity, loss=1.0, **by_arch):
    rows = [
        {"quantity": quantity, "arch": arch, "seed": seed, "loss": loss, "value": value}
        for arch, values in by_arch.items()
        for seed, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["quantity", "arch", "seed", "loss", "value"])


def verdict(key, table, equal=None):
    return verdicts(table, numbers("none") if equal is None else equal).set_index("key").loc[key]


def test_windows_are_means_and_cover_every_step():
    table = windows(steps("vgg_a", np.arange(1000.0)))
    assert len(table) == 100
    assert table["loss"].tolist() == [10 * k + 4.5 for k in range(100)]


def test_a_short_run_has_trained_where_its_last_tenth_is_below_guessing():
    short = pd.concat(
        [
            steps("vgg_a", [2.3] * 18 + [1.0, 2.0]),
            steps("vgg_a", [2.3] * 20, rate=0.01),
            steps("vgg_a", [1.0] * 20, rate=1.0),
        ]
    )
    runs = pd.DataFrame(
        {
            "arch": "vgg_a",
            "learning_rate": [0.1, 0.01, 1.0],
            "seed": 0,
            "status": ["completed", "completed", "diverged"],
            "diverged_at_step": [None, None, 19],
        }
    )
    table = range_table(short, runs).set_index("learning_rate")
    assert table["final_loss"].loc[0.1] == pytest.approx(1.5)
    assert table["trained"].to_dict() == {0.1: True, 0.01: False, 1.0: False}
    assert np.isnan(table["final_loss"].loc[1.0])


def test_scalars_are_taken_at_the_first_rate_and_late(study):
    path = pd.concat(
        [steps("vgg_a", [3.0] * 90 + [2.0] * 10), steps("vgg_a", [1.0] * 100, rate=0.02)]
    )
    runs = pd.DataFrame(
        {"arch": "vgg_a", "learning_rate": [0.1, 0.02], "seed": 0, "status": "completed"}
    )
    looked = pd.DataFrame(
        [
            ("vgg_a", 0.1, 0, 0, 2.0, "lambda_1", "", 1000.0),  # early
            ("vgg_a", 0.1, 0, 10, 2.0, "lambda_1", "", 2.0),
            ("vgg_a", 0.1, 0, 30, 2.3, "lambda_1", "", 1e-6),  # on the plateau
            ("vgg_a", 0.1, 0, 100, 2.0, "lambda_1", "", 8.0),
            ("vgg_a", 0.02, 0, 100, 2.0, "lambda_1", "", 77.0),  # the other rate
            ("vgg_a", 0.1, 0, 100, 2.0, "shift_cosine", "features.0", 1.0),
            ("vgg_a", 0.1, 0, 100, 2.0, "shift_cosine", "features.3", 0.6),
        ],
        columns=["arch", "learning_rate", "seed", "step", "loss", "quantity", "layer", "value"],
    )
    trained = pd.DataFrame(
        {
            "arch": "vgg_a",
            "learning_rate": [0.1, 0.3, 1.0],
            "seed": 0,
            "final_loss": [1.0, 1.5, np.nan],
            "trained": [True, True, False],
        }
    )
    found = scalars(followed(looked), final_losses(path, runs), trained, study).set_index(
        "quantity"
    )["value"]
    assert found["lambda_1"] == pytest.approx(4.0)
    assert found["shift_turn"] == pytest.approx(0.4)
    assert found["final_loss"] == pytest.approx(2.0)
    assert found["final_loss_low"] == pytest.approx(1.0)
    assert found["largest_rate"] == 0.3
    assert found["best_rate"] == 0.1


def test_a_verdict_follows_from_the_interval_over_seeds():
    lower = numbers("lambda_1", vgg_a_bn=[1.0, 1.1, 0.9], vgg_a=[2.0, 2.1, 2.2])
    row = verdict("sharpness", lower)
    assert row["verdict"] == "supported"
    assert row["ratio"] == pytest.approx((1 / 2 * 1.1 / 2.1 * 0.9 / 2.2) ** (1 / 3))
    assert row["ratio_low"] < row["ratio"] < row["ratio_high"] < 1
    assert row["seeds"] == 3
    higher = numbers("lambda_1", vgg_a_bn=[2.0, 2.1, 2.2], vgg_a=[1.0, 1.1, 0.9])
    assert verdict("sharpness", higher)["verdict"] == "contradicted"
    mixed = numbers("lambda_1", vgg_a_bn=[1.0, 3.0, 1.0], vgg_a=[2.0, 2.0, 2.0])
    assert verdict("sharpness", mixed)["verdict"] == "not decided"


def test_at_equal_loss_the_losses_that_both_reach_are_compared_seed_by_seed():
    levels = [
        numbers("lambda_1", loss=1.0, vgg_a_bn=[4.0, 4.4, 3.6], vgg_a=[2.0, 2.1, 1.9]),
        numbers("lambda_1", loss=0.5, vgg_a_bn=[9.0, 9.0, 9.0]),  # VGG-A never gets there
    ]
    lower = numbers("lambda_1", vgg_a_bn=[1.0, 1.1, 0.9], vgg_a=[2.0, 2.1, 2.2])
    row = verdict("sharpness", lower, pd.concat(levels))
    assert (row["verdict"], row["equal_loss_verdict"]) == ("supported", "contradicted")
    assert row["equal_loss_ratio"] == pytest.approx((2.0 * 4.4 / 2.1 * 3.6 / 1.9) ** (1 / 3))
    assert row["equal_loss_seeds"] == 3
    unmatched = verdict("sharpness", lower, levels[1])
    assert unmatched["equal_loss_verdict"] == "not measured"
    assert verdict("statistics", lower, pd.concat(levels))["equal_loss_verdict"] == "not measured"


def test_a_network_that_diverges_with_every_seed_has_lost():
    runs = pd.DataFrame(
        [("vgg_a_bn", "completed"), ("vgg_a_bn_frozen", "diverged")], columns=["arch", "status"]
    )
    every = pd.concat([runs.assign(learning_rate=0.1, seed=seed) for seed in range(3)])
    lengths = {"vgg_a_bn": 20, "vgg_a_bn_frozen": 4}  # four steps have no last tenth
    path = pd.concat(
        [steps(arch, [1.0] * n, seed=s) for arch, n in lengths.items() for s in range(3)]
    )
    final = final_losses(path, every).rename("value").reset_index()
    assert final.groupby("arch")["value"].apply(list).to_dict() == {
        "vgg_a_bn": [1.0] * 3,
        "vgg_a_bn_frozen": [np.inf] * 3,
    }
    final["quantity"] = "final_loss"
    row = verdict("statistics", final)
    assert (row["verdict"], row["seeds"], row["diverged_second"]) == ("supported", 3, 3)
    assert pd.isna(row["value_second"])
    assert row[["ratio", "ratio_low", "ratio_high"]].isna().all()
    assert verdict("statistics", final[final["seed"] < 2])["verdict"] == "not decided"


@pytest.mark.parametrize(
    ("frozen", "expected"),
    [
        ([np.inf, np.inf, 2.0], "supported"),  # the one that trains is worse
        ([np.inf, np.inf, 0.5], "not decided"),  # it is better
        ([np.inf, np.inf, 1.0], "not decided"),  # it is equal
        ([np.inf, 2.0], "not decided"),  # two seeds
    ],
)
def test_where_some_seeds_diverge_one_network_must_be_ahead_with_every_seed(frozen, expected):
    final = numbers("final_loss", vgg_a_bn=[1.0] * len(frozen), vgg_a_bn_frozen=frozen)
    row = verdict("statistics", final)
    assert row["verdict"] == expected
    assert row[["ratio", "ratio_low", "ratio_high"]].isna().all()
    swapped = numbers("final_loss", vgg_a_bn=frozen, vgg_a_bn_frozen=[1.0] * len(frozen))
    opposite = {"supported": "contradicted"}.get(expected, expected)
    assert verdict("statistics", swapped)["verdict"] == opposite


def test_two_seeds_decide_nothing_and_a_missing_network_is_not_measured():
    two = numbers("lambda_1", vgg_a_bn=[1.0, 1.0], vgg_a=[9.0, 9.1])
    row = verdict("sharpness", two)
    assert (row["verdict"], row["seeds"]) == ("not decided", 2)
    assert pd.isna(row["ratio_low"])
    alone = verdict("sharpness", numbers("lambda_1", vgg_a_bn=[1.0, 1.1, 1.2]))
    assert alone["verdict"] == "not measured"


def test_equal_values_are_not_decided():
    equal = numbers("largest_rate", vgg_a_bn=[1.0, 1.0, 1.0], vgg_a=[1.0, 1.0, 1.0])
    assert verdict("larger_rates", equal)["verdict"] == "not decided"


def test_every_explanation_has_a_network_of_the_study_and_a_quantity(study):
    known = {"shift_turn", "batch_sharpness", "lambda_1", "final_loss", "final_loss_low"}
    known |= {"noise_scale", "largest_rate"}
    for explanation in EXPLANATIONS:
        assert {explanation.first, explanation.second} <= set(study.networks)
        assert explanation.quantity in known
    assert len({explanation.key for explanation in EXPLANATIONS}) == len(EXPLANATIONS)
