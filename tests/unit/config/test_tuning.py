"""The grid of learning rates: which runs it asks for, and where they lie."""

import copy

import pytest
import yaml

from landscape.config.entries import is_base, setting_of
from landscape.config.study import validate_study
from landscape.errors import UserError
from support.artefacts import ROOT

CONTENT = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))


def network(**changes):
    content = copy.deepcopy(CONTENT)
    content["network"] |= changes
    return validate_study(content).network


def ids(runs):
    return {run.id for run in runs}


def test_without_it_every_run_is_as_it_was_and_with_it_all_of_these_are_possible():
    untuned, tuned = network(tune=None), network()
    assert ids(untuned.possible_runs("cpu")) == ids(untuned.runs("cpu"))
    assert untuned.certain_ids == untuned.run_ids()
    possible = {run.id: run for run in tuned.possible_runs("cpu")}
    for run in untuned.runs("cpu"):
        assert possible[run.id] == run
    assert untuned.trials() == []


def test_the_grid_s_run_at_a_level_s_own_rate_is_the_sweep_s():
    tuned = network()
    own = next(t for t in tuned.trials() if t.setting == "base" and t.factor == 1)
    assert own.run_id == "network/base/seed0"
    trials = {trial.run_id for trial in tuned.trials()}
    levels = {trial.setting for trial in tuned.trials()}
    assert len(tuned.runs("cpu")) == len(network(tune=None).runs("cpu")) + 2 * len(levels)
    for factor in (0.5, 1, 2):
        runs = ids(tuned.runs("cpu", dict.fromkeys(levels, factor)))
        assert trials <= runs
        assert len(runs) == len(tuned.runs("cpu"))  # whatever is chosen
        assert set(tuned.certain_ids) - {"network/plain/seed0"} <= runs
    with_seed_of_its_own = network(tune={"factors": [1, 2], "seed": 9})
    assert "network/base/lr0.1/seed9" in ids(with_seed_of_its_own.runs("cpu"))


def test_a_level_s_own_rate_is_in_the_middle_and_muon_s_three_move_together():
    rates = {trial.run_id: trial.entry.recipe for trial in network().trials()}
    assert rates["network/sweep/optimizer/Adam/lr0.002/seed0"].learning_rate == 0.002
    assert rates["network/sweep/activation/gelu/lr0.1/seed0"].learning_rate == 0.1
    muon = rates["network/sweep/optimizer/our_Muon/lr0.01/seed0"]
    assert muon.learning_rate == 0.01
    assert muon.optimizer.vector_learning_rate == muon.optimizer.head_learning_rate == 0.025
    whole = rates["network/sweep/optimizer/our_Muon/seed0"]
    assert muon.optimizer.model_copy(
        update={"vector_learning_rate": 0.05, "head_learning_rate": 0.05}
    ) == (whole.optimizer)


def test_rates_are_written_as_people_write_them():
    names = {t.entry.name for t in network(tune={"factors": [1, 3], "seed": 0}).trials()}
    assert "base/lr0.15" in names  # not 0.15000000000000002
    assert "sweep/optimizer/Adam/lr0.003" in names


def test_levels_that_equal_the_base_share_its_trials_and_its_choice():
    tuned = network()
    assert sum(trial.setting == "base" for trial in tuned.trials()) == 3
    bases = [entry for entry in tuned.entries({"base": 2.0}) if entry.is_base]
    assert len(bases) > 5
    assert {(entry.name, entry.recipe.learning_rate) for entry in bases} == {("base/lr0.1", 0.1)}


def test_final_networks_and_ablations_are_not_tuned():
    assert {trial.entry.kind for trial in network().trials()} == {"sweep"}


def test_what_the_trials_depend_on_is_the_sweeps_part():
    tuned = network()
    others = network(finals={}, ablations={}, plain=None, insight=None, seeds=[0, 1])
    assert others.tuned_part == tuned.tuned_part
    assert others.tuned_part.trials() == tuned.trials()
    assert network(tune={"factors": [1, 2], "seed": 0}).tuned_part != tuned.tuned_part


def test_without_levels_there_is_nothing_to_tune():
    assert not network(sweeps={}).is_tuned
    assert network(sweeps=dict.fromkeys(CONTENT["network"]["sweeps"])).trials() == []


def test_the_setting_of_a_run_s_place():
    assert setting_of("base/lr0.1") == setting_of("base") == "base"
    assert setting_of("sweep/optimizer/lr0.1/lr0.2") == "sweep/optimizer/lr0.1"
    assert setting_of("final/fast") == "final/fast"
    assert not is_base("sweep/optimizer/base")


@pytest.mark.parametrize(
    ("tune", "said"),
    [
        ({"factors": [0.5, 2], "seed": 0}, "must contain 1"),
        ({"factors": [], "seed": 0}, "at least one value"),
        ({"factors": [1, 1.0], "seed": 0}, "each value once"),
        ({"factors": [1, -1], "seed": 0}, "greater than"),
        ({"factors": [1, 2]}, "seed"),
        ({"factors": [1, 2], "seed": 0, "epochs": 3}, "no such setting"),
    ],
)
def test_a_mistake_is_named_by_its_key(tune, said):
    with pytest.raises(UserError, match=said) as error:
        network(tune=tune)
    assert "network.tune" in str(error.value)


def test_a_learning_rate_that_is_no_number_any_more_is_refused():
    base = {**CONTENT["network"]["base"], "learning_rate": 1e308}
    with pytest.raises(UserError, match=r"tune\.factors.*\n.*learning_rate"):
        network(base=base)
