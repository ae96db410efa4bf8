"""Configurations that are meant, and mistakes that are named (FAULTS: F19)."""

import copy
import math
from contextlib import suppress

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape.config.study import load_study, validate_study
from landscape.errors import UserError
from support.artefacts import ROOT

STUDY = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))


def changed(key, value):
    content = copy.deepcopy(STUDY)
    *sections, last = key.split(".")
    place = content
    for section in sections:
        place = place[section]
    place[last] = value
    return content


def test_the_course_s_study_is_the_default():
    study = validate_study(STUDY)
    bands = [run for run in study.runs if run.study == "bands"]
    assert len(bands) == 8 * 3  # seeds
    assert {run.learning_rate for run in bands} == {1e-3, 2e-3, 1e-4, 5e-4}
    assert {(r.optimizer.name, r.batch_size, r.epochs) for r in bands} == {("adam", 128, 20)}
    probe, *others = (run for run in study.runs if run.study == "probe")
    assert len(others) == 5
    assert (probe.optimizer.name, probe.learning_rate, probe.steps) == ("sgd", 0.1, 15000)
    course = [run.id for run in study.runs if run.study in ("bands", "probe")]
    assert course == study.bands.run_ids + study.probe.run_ids


def test_text_that_means_a_number_is_one():
    study = validate_study(changed("bands.learning_rates", ["1e-3"]))
    assert study.bands.learning_rates == (0.001,)
    assert study.bands.run_ids[0] == "bands/vgg_a/lr0.001/seed0"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("bands.learning_rates", [0.001, -0.1]),
        ("bands.learning_rates", [math.nan]),
        ("bands.learning_rates", [math.inf]),
        ("bands.learning_rates", []),
        ("bands.learning_rates", 0.1),
        ("bands.learning_rates", ["fast"]),
        ("bands.architectures", ["vgg_b"]),
        ("bands.seeds", [-1]),
        ("bands.seeds", [0.5]),
        ("bands.seeds", [True]),
        ("bands.learning_rates", [True]),
        ("bands.gradient_lags", [1, 1]),
        ("bands.gradient_lags", [1, 100_000]),
        ("probe.relative_step_sizes", [1, 1, 0.5, 2, 4]),
        ("bands.batch_size", 10**30),
        ("bands.width", 1000),
        ("results", "out/{seed}"),
        ("bands.epochs", 0),
        ("bands.width", 0),
        ("bands.bn", False),
        ("bands.gradient_lags", [2]),
        ("probe.band_step_sizes", [3]),
        ("optimiser", "adam"),
        ("precision", "float16"),
        ("data.source", "imagenet"),
        ("data.path", ""),
        ("bands.optimizer", {"name": "adam", "lr": 0.1}),
        ("bands.optimizer", {"name": "adam", "momentum": 0.9}),
        ("bands.optimizer", {"name": "adam", "newton_schulz_steps": 3}),
        ("network.base.loss", {"name": "cross_entropy", "focusing": 1.0}),
        ("network.split.validation_images", 0),
        ("network.insight.images", 9),
        ("network.finals.fast.epochs", None),
        ("split.train_images", 1999),  # fewer than insight.surface_images
        ("network.final_seeds", [7]),  # none of those of the ablations
        ("split.validation_images", -5),
        ("figures.smoothing_steps", 0),
        ("results", ""),
    ],
)
def test_a_mistake_is_named_by_its_key(key, value):
    with pytest.raises(UserError) as error:
        validate_study(changed(key, value))
    assert key.split(".")[0] in str(error.value)
    assert key.split(".")[-1] in str(error.value)


def test_a_run_configured_twice_is_refused():
    with pytest.raises(UserError, match=r"learning_rates.*more than once: \[0\.001\]"):
        validate_study(changed("bands.learning_rates", [0.001, "1e-3"]))


def test_a_missing_key_is_named():
    content = copy.deepcopy(STUDY)
    del content["bands"]["epochs"]
    with pytest.raises(UserError, match=r"bands\.epochs"):
        validate_study(content)


def test_a_change_of_one_section_leaves_what_shares_its_text_in_the_file(tmp_path):
    """`narrow` takes its optimizer from `fast` by a YAML alias."""
    over = {"network": {"finals": {"fast": {"optimizer": {"momentum": 0.5}}}}}
    (tmp_path / "over.yaml").write_text(yaml.safe_dump(over), "utf-8")
    study = load_study([ROOT / "config.yaml", tmp_path / "over.yaml"])
    momenta = [
        study.run(f"network/final/{name}/seed0").optimizer.momentum for name in ("fast", "narrow")
    ]
    assert momenta == [0.5, 0.6]


def test_a_home_folder_is_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert validate_study(changed("results", "~/study")).results == "/home/somebody/study"
    with pytest.raises(UserError, match="results"):
        validate_study(changed("results", "~nobody-of-this-name/study"))


def test_files_are_laid_over_one_another(tmp_path):
    (tmp_path / "less.yaml").write_text("bands: {epochs: 1}\nresults: elsewhere\n", "utf-8")
    study = load_study([ROOT / "config.yaml", tmp_path / "less.yaml"])
    assert (study.bands.epochs, study.bands.batch_size, study.results) == (1, 128, "elsewhere")


@pytest.mark.parametrize("text", ["", "- a", "just text", "a: [", "\x00"])
def test_a_file_that_is_no_configuration_is_named(tmp_path, text):
    path = tmp_path / "broken.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(UserError, match=r"broken\.yaml"):
        load_study([path])


YAML = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*STUDY, *STUDY["bands"], "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(YAML, st.sampled_from([*STUDY]))
def test_no_configuration_gives_a_traceback(value, key):
    for content in (value, changed(key, value)):
        with suppress(UserError):
            validate_study(content)


def test_a_part_s_first_runs_are_those_of_its_networks_in_the_order_asked_for():
    content = changed(
        "mechanism.networks", {"vgg_a_bn_fixed_norm": [4], "vgg_a": [3], "vgg_a_bn": [1]}
    )
    content["mechanism"]["in_depth"]["networks"] = []
    study = validate_study(content)

    def first(part, *networks):
        return [run.id for run in study.first_runs(part, networks)]

    assert first("mechanism", "vgg_a_bn", "vgg_a") == [  # not the one of fixed norms
        "mechanism/vgg_a_bn/lr0.1/seed1",
        "mechanism/vgg_a/lr0.1/seed3",
    ]
    assert first("bands", "vgg_a") == [f"bands/vgg_a/lr{study.bands.learning_rates[0]}/seed0"]
    assert first("probe", "vgg_a_bn", "vgg_a_gn") == ["probe/vgg_a_bn/seed0"]
