"""Divergence is a result: a study in which every run diverges makes its figures and its report."""

import copy

import pytest

from landscape.config.study import validate_study
from landscape.storage.files import read_json
from support import network_workflow, whole
from support.report import text_of

EVERY, MOST = 1e30, 1e5  # the rates at which every run, or most runs, diverge

SAID = (
    "No run reached a test accuracy.",
    "Every run of the final networks diverged, so none is best.",
    "No value: every run of a final network diverged.",
    "No value: every run to inspect diverged.",
)


def diverging(tiny_content, rate):
    """The tiny study, every part of it at a learning rate at which nothing trains."""
    content = copy.deepcopy(tiny_content)
    content["split"] = {"train_images": 100}
    content["bands"] |= {"learning_rates": [rate, 2 * rate], "optimizer": {"name": "sgd"}}
    content["probe"] |= {"learning_rate": rate}
    sgd = {"optimizer": {"name": "sgd"}, "learning_rate": rate}
    trials = {} if rate == EVERY else {"tune": None}  # half the rate would be tried, too
    network = network_workflow.network(**trials, **network_workflow.GELU)
    base = {"loss": {}, "augmentation": {}, "schedule": {}}
    network["base"] = {**network["base"], **sgd, **base}
    network["base"]["architecture"] |= {"name": "convnet"}
    network["finals"] = {"fast": {**network["finals"]["fast"], **sgd}}
    network["finals"]["fast"]["architecture"] |= {"name": "fast"}
    network["ablations"] = {"fast": {"no whitening": {"architecture": {"whitening": False}}}}
    network["plain"] |= {"learning_rate": rate, "momentum": 0.9, "weight_decay": 0, "seeds": [0]}
    network["sweeps"] = {"activation": {"relu": {}, **network_workflow.GELU}}
    content["network"] = network
    return validate_study(content)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [EVERY, MOST])
def test_a_study_in_which_every_run_diverges_has_its_report(rate, tiny_content, folder):
    study = diverging(tiny_content, rate)
    whole.make(study, folder)
    done = [read_json(path) for path in folder.glob("*/**/run.json")]
    lost = [run["id"] for run in done if run["status"] == "diverged"]
    assert len(lost) == len(done) or (rate == MOST and len(lost) > len(done) / 2)
    text = text_of(folder / "report.pdf")
    assert "nan" not in text.lower().split()
    for sentence in SAID if len(lost) == len(done) else ():
        assert sentence in text


@pytest.mark.slow
def test_a_study_of_one_step_for_each_run_has_its_report(tiny_content, folder):
    """A batch of all images for one epoch: what needs two steps says so, and nothing dies."""
    content = copy.deepcopy(tiny_content)
    content["bands"] |= {"batch_size": 200, "epochs": 1, "learning_rates": [0.001, 0.002]}
    content["probe"] |= {"batch_size": 200, "steps": 1}
    study = validate_study(content)
    assert all(run.steps == 1 for run in study.runs if run.study == "probe")
    whole.make(study, folder)
    assert {read_json(path)["steps"] for path in folder.glob("*/**/run.json")} == {1}
    text = text_of(folder / "report.pdf")
    assert "this needs two steps of a run" in text
    assert "nan" not in text.lower().split()
