"""The choice of a learning rate for each level, against one made by hand."""

import itertools

import pandas as pd
import pytest

from landscape.config.network_study import NetworkStudy
from landscape.config.study import load_study
from landscape.errors import UserError
from landscape.storage.tables import read_table, write_table
from landscape.tables.network_study import aggregate_network
from landscape.tables.tuning import TUNING, choice, chosen_rates, runs_in, tabulate_tuning
from support import synthetic_network
from support.artefacts import ROOT

STUDY = load_study([ROOT / "config.yaml"])
SMALL = STUDY.network.model_copy(
    update={
        "sweeps": {"activation": STUDY.network.sweeps["activation"]},
        "finals": {},
        "ablations": {},
        "plain": None,
        "insight": None,
    }
)
GELU = "sweep/activation/gelu"
LOST = tuple(f"network/sweep/activation/tanh{rate}/seed0" for rate in ("", "/lr0.025", "/lr0.1"))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    return synthetic_network.write_runs(folder, SMALL, diverged=LOST)


def tried(*accuracies, factors=(0.5, 1, 2)):
    pairs = zip(factors, accuracies, strict=True)
    return [{"factor": factor, "validation_accuracy": value} for factor, value in pairs]


@pytest.mark.parametrize(
    ("accuracies", "factor"),
    [
        ((0.8, 0.7, 0.6), 0.5),
        ((0.6, 0.7, 0.8), 2),
        ((0.8, 0.8, 0.8), 1),  # of equal ones its own
        ((0.8, 0.7, 0.8), 0.5),  # then the smallest
        ((None, None, 0.1), 2),  # one that diverged has none
        ((float("nan"), 0.1, None), 1),
        ((None, None, None), 1),  # divergence is what its own rate gives, too
        ((0.0, None, None), 0.5),
    ],
)
def test_the_choice_by_hand(accuracies, factor):
    assert choice(tried(*accuracies))["factor"] == factor


def test_the_choice_is_a_naive_argmax_whatever_the_order():
    for accuracies in itertools.product((None, 0.5, 0.6), repeat=3):
        rows = tried(*accuracies)
        best = None
        for row in sorted(rows, key=lambda row: (row["factor"] != 1, row["factor"])):
            value = row["validation_accuracy"]
            if value is not None and (best is None or value > best["validation_accuracy"]):
                best = row
        best = best or rows[1]
        for order in itertools.permutations(rows):
            assert choice(order) is best


def test_the_table_holds_the_grid_and_one_choice_of_each_setting(results):
    table = read_table(results / TUNING)
    assert len(table) == 6 * 3  # the base and five other levels
    assert (table.groupby("setting")["chosen"].sum() == 1).all()
    epochs = read_table(results / f"network/{GELU}/lr0.1/seed0/epochs.csv")
    row = table[table["run"] == f"network/{GELU}/lr0.1/seed0"].iloc[0]
    assert (row["setting"], row["factor"], row["learning_rate"]) == (GELU, 2, 0.1)
    assert row["validation_accuracy"] == epochs["validation_accuracy"].iloc[-1]
    judged = table[table["validation_accuracy"].notna()]
    best = table.loc[judged.groupby("setting")["validation_accuracy"].idxmax()]
    assert (best["chosen"] == 1).all()
    lost = table[table["setting"] == "sweep/activation/tanh"]
    assert (lost["status"] == "diverged").all()
    assert lost.loc[lost["chosen"] == 1, "factor"].to_list() == [1]
    assert set(table["factor"] * table["chosen"]) > {0, 1}  # not every level keeps its own


def test_two_tables_are_the_same_bytes(results):
    before = (results / TUNING).read_bytes()
    assert tabulate_tuning(SMALL.tuned_part, results).read_bytes() == before


def test_levels_are_compared_at_their_chosen_rates(results, tmp_path):
    """The table of choices decides: with another one other runs are the level's and the base's."""
    chosen = chosen_rates(SMALL, results)
    aggregate_network(SMALL, results)
    summary = read_table(results / "network/summary.csv").set_index("level")
    runs = read_table(results / "network/runs.csv")
    names = {entry.level: entry.name for entry in SMALL.entries(chosen)}
    assert summary["run"].to_dict() == names
    base, gelu = (
        runs[runs["name"] == names[level]].set_index("seed")["validation_accuracy"]
        for level in ("relu", "gelu")
    )
    assert summary.loc["gelu", "difference"] == pytest.approx((gelu - base).mean())
    assert summary.loc["gelu", "learning_rate"] == pytest.approx(0.05 * chosen[GELU])
    assert pd.isna(summary.loc["relu", "difference"])
    other = 2 if chosen[GELU] != 2 else 0.5
    table = read_table(results / TUNING)
    gelus = table["setting"] == GELU
    table.loc[gelus, "chosen"] = (table.loc[gelus, "factor"] == other).astype(int)
    folder = synthetic_network.write_runs(tmp_path, SMALL, diverged=LOST)
    write_table(folder / TUNING, table)
    aggregate_network(SMALL, folder)
    again = read_table(folder / "network/summary.csv").set_index("level")
    assert again.loc["gelu", "run"] != summary.loc["gelu", "run"]
    assert again.loc["gelu", "difference"] != summary.loc["gelu", "difference"]
    assert again.loc["elu", "difference"] == summary.loc["elu", "difference"]


def test_a_table_of_another_grid_is_refused_by_name(results):
    content = {**SMALL.model_dump(exclude_unset=True), "tune": {"factors": [1, 4], "seed": 5}}
    other = NetworkStudy.model_validate(content)
    with pytest.raises(UserError, match=r"tuning\.csv: chooses none .* for base; .*stage `tune`"):
        chosen_rates(other, results)


def test_the_runs_of_a_folder_are_those_that_it_chose(results, tmp_path):
    study = STUDY.model_copy(update={"bands": None, "probe": None, "network": SMALL})
    study = study.model_copy(update={"mechanism": None})
    here = {run.id for run in runs_in(results, study)}
    chosen = chosen_rates(SMALL, results)
    setting, factor = next((s, f) for s, f in chosen.items() if f != 1)
    rate = f"lr{0.05 * factor:g}"
    assert {f"network/{setting}/{rate}/seed{seed}" for seed in (0, 1, 2)} <= here
    assert f"network/{setting}/seed1" not in here
    before = {run.id for run in runs_in(tmp_path, study)}  # nothing is chosen there
    assert f"network/{setting}/seed1" in before
    assert len(before) == len(here)
    assert here | before <= {run.id for run in study.possible_runs}
