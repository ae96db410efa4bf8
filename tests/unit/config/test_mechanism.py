"""The mechanism section: its runs, its moments, and mistakes that are named."""

import copy
from itertools import pairwise

import pytest
import yaml

from landscape.config.mechanism import network_of
from landscape.config.study import load_study, validate_study
from landscape.errors import UserError
from support.artefacts import ROOT

STUDY = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))


def study(**changes):
    content = copy.deepcopy(STUDY)
    content["mechanism"] |= changes
    return validate_study(content)


def test_the_runs_are_the_probe_s_protocol():
    runs = [run for run in study().runs if run.study == "mechanism"]
    assert [run.id for run in runs] == study().mechanism.run_ids
    first = runs[0]
    assert first.id == "mechanism/vgg_a/lr0.1/seed0"
    assert (first.optimizer.name, first.learning_rate, first.batch_size) == ("sgd", 0.1, 128)
    assert not first.tested
    assert first.moments == (0, 10, 30, 100, 300, 1000, 3000, 10000, 15000)
    assert not any(run.moments for run in runs if "/range/" in run.id)


def test_half_decades_and_probe_vectors_are_as_many_as_the_protocols_ask_for():
    found = study().mechanism
    rates = found.range.learning_rates
    assert (rates[0], rates[-1]) == (0.003, 100)
    assert all(2.9 < b / a < 3.5 for a, b in pairwise(rates))
    assert (found.learning_rate, found.slower.learning_rate) == (0.1, 0.02)
    published = load_study([ROOT / "config.yaml", ROOT / "studies/two_cores.yaml"]).mechanism
    assert min(found.in_depth.probes, published.in_depth.probes) >= 10


def test_the_paper_s_overlay_is_its_network_and_its_decay():
    probe = load_study([ROOT / "config.yaml", ROOT / "studies/paper.yaml"]).probe
    assert probe.architectures == ("vgg_19", "vgg_19_bn_fc")  # BatchNorm in the head, too
    assert (probe.optimizer.name, probe.optimizer.weight_decay) == ("sgd", 0.00039)
    assert (probe.learning_rate, probe.batch_size, probe.steps) == (0.1, 128, 15000)


def test_every_network_has_the_seeds_that_it_names():
    found = study(
        networks={"vgg_a": [0, 1], "vgg_a_bn": [4]},
        slower={"learning_rate": 0.02, "networks": {"vgg_a_bn": [4]}},
        in_depth=STUDY["mechanism"]["in_depth"] | {"networks": []},
        range={"learning_rates": [0.3, 1.0], "networks": {"vgg_a_he": [7]}, "steps": 5},
    ).mechanism
    assert found.path_ids == [
        "mechanism/vgg_a/lr0.1/seed0",
        "mechanism/vgg_a/lr0.1/seed1",
        "mechanism/vgg_a_bn/lr0.1/seed4",
        "mechanism/vgg_a_bn/lr0.02/seed4",
    ]
    assert found.range_ids == [
        "mechanism/range/vgg_a_he/lr0.3/seed7",
        "mechanism/range/vgg_a_he/lr1.0/seed7",
    ]


def test_first_seeds_of_some_networks_are_looked_at_in_depth():
    whole = study(in_depth={"networks": ["vgg_a_bn"], "probes": 2, "steps": 4})
    deep = [run for run in whole.mechanism.path_ids if whole.look(run).in_depth is not None]
    assert deep == ["mechanism/vgg_a_bn/lr0.1/seed0"]


def test_a_retrained_control_is_another_update_of_the_same_network():
    found = study().run("mechanism/vgg_a_bn_fixed_norm/lr0.1/seed0")
    assert found.architecture.name == "vgg_a_bn"
    assert found.optimizer.fixed_norm
    assert network_of(found.name) == "vgg_a_bn_fixed_norm"
    assert network_of("range/vgg_a_ln/lr0.3") == "vgg_a_ln"


@pytest.mark.parametrize(
    ("steps", "moments"), [(5, (0, 5)), (30, (0, 10, 30)), (99, (0, 10, 30, 99))]
)
def test_moments_grow_geometrically_and_end_at_the_last_step(steps, moments):
    assert study(steps=steps).mechanism.moments == moments


def test_null_takes_a_network_or_the_section_away():
    content = copy.deepcopy(STUDY)
    content["mechanism"]["networks"]["vgg_a_ws"] = None
    content["mechanism"]["range"]["networks"]["vgg_a_he"] = None
    found = validate_study(content).mechanism
    assert "vgg_a_ws" not in found.networks
    assert "vgg_a_he" not in found.range.networks
    content["mechanism"] = None
    assert not [run for run in validate_study(content).runs if run.study == "mechanism"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"networks": {"vgg_a": [0]}}, "must hold vgg_a and vgg_a_bn"),
        ({"networks": {"vgg_a": [0], "vgg_a_bn": [0]}}, "in_depth.networks"),
        ({"learning_rate": 0.02}, "slower.learning_rate is 0.02, which must be below"),
        ({"networks": {"vgg_a": [0], "vgg_b": [0]}}, "vgg_b"),
        ({"steps": 0}, "mechanism.steps"),
        ({"noise_batches": 1}, "noise_batches"),
    ],
)
def test_a_mistake_is_named(changes, said):
    with pytest.raises(UserError, match=said):
        study(**changes)
