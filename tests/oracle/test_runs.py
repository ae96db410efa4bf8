"""Every run of the miniature, step by step: weights, measures, epochs, probe, scores."""

import json
import math
from functools import cache

import pytest
import torch
from safetensors.torch import load_file

from oracle.comparing import off, require_close, require_initial_weights, require_updates
from oracle.miniature import CONFIG, OVERLAY, SMALLER
from oracle.naive import measures, plain, runs, training
from oracle.naive.images import Images
from support.artefacts import ROOT

RUNS = runs.runs(runs.over(CONFIG, SMALLER))
PROBES = [folder for folder in RUNS if folder.startswith("probe/")]
COUNTED = ("step", "epoch", "correct", "train_flops")
KINKED = ("relu_flips", "pool_flips", "rest_distance")


class Checked:
    """A run of the workflow and the oracle's walk along it."""

    def __init__(self, results, folder):
        torch.set_num_threads(1)
        self.folder = results / folder
        self.facts = json.loads((self.folder / "run.json").read_text("utf-8"))
        self.images = Images(results, RUNS[folder]["split"])
        saved = load_file(self.folder / "snapshots.safetensors")
        self.walk = training.Walk(saved, RUNS[folder], self.images)
        ended = self.facts["status"] == "completed"
        self.ended = self.walk.steps if ended else self.facts["diverged_at_step"]
        self.rows, self.updates = measures.steps(self.walk, self.ended)


@cache
def checked(results, folder):
    return Checked(results, folder)


def test_the_oracle_reads_the_same_text(miniature):
    config = runs.read(ROOT / "config.yaml", miniature / OVERLAY)
    trained = {str(path.parent.relative_to(miniature)) for path in miniature.rglob("run.json")}
    assert trained == {*runs.runs(config), "network/plain/seed1"}
    assert runs.runs(config) == RUNS


@pytest.mark.parametrize("folder", RUNS)
def test_a_run_s_weights_and_measures(miniature, folder):
    run = checked(miniature, folder)
    require_initial_weights(run.walk)
    require_updates(run.walk, run.updates)
    flow = training.table(run.folder, "steps.parquet")
    assert len(flow) == len(run.rows)
    for name in run.rows[0]:
        pairs = [(a[name], b[name]) for a, b in zip(flow, run.rows, strict=True)]
        if name in COUNTED:
            assert all(theirs == ours for theirs, ours in pairs), name
        else:
            require_close(pairs, name, typical=2e-3, worst=2e-2)
    assert set(flow[0]) == set(run.rows[0])


@pytest.mark.parametrize("folder", RUNS)
def test_a_run_s_epochs_scores_and_counts(miniature, folder):
    run = checked(miniature, folder)
    whole = run.rows if run.ended == run.walk.steps else []
    expected = measures.epochs(run.walk, whole, training.scores)
    flow = training.table(run.folder, "epochs.csv")
    for theirs, ours in zip(flow, expected, strict=True):
        assert set(theirs) == {*ours, "seconds"}
        for name, value in ours.items():
            assert off(theirs[name], value) < 1e-5, name
    facts, images, settings = run.facts, run.images, run.walk.run
    assert facts["steps"] == run.walk.steps
    assert facts["train_images"] == len(images.train[1])
    assert facts["validation_images"] == len(images.validation[1])
    assert facts["parameters"] == sum(p.numel() for p in run.walk.parameters.values())
    assert facts["flops"] == measures.forward_flops(run.walk.network)
    _tested(run, facts, settings, images)


def _tested(run, facts, settings, images):
    if facts["status"] != "completed" or not settings["tested"]:
        assert facts["test_accuracy"] is facts["test_loss"] is None
        assert facts["test_accuracy_augmented"] is None
        return
    weights = run.walk.weights_after(run.walk.steps)
    loss, accuracy = training.scores(run.walk.network, weights, images.test)
    assert facts["test_accuracy"] == pytest.approx(accuracy)
    assert facts["test_loss"] == pytest.approx(loss, rel=1e-4)
    views = None
    if settings["test_time_augmentation"]:
        views = training.scores(run.walk.network, weights, images.test, views=True)[1]
    assert facts["test_accuracy_augmented"] == (views and pytest.approx(views))
    saved = load_file(run.folder / "model.safetensors")
    for name, value in saved.items():
        assert torch.allclose(value.double(), weights[name].double(), 1e-5, 1e-6), name


@pytest.mark.parametrize("folder", PROBES)
def test_a_probe(miniature, folder):
    run = checked(miniature, folder)
    every = run.walk.run["probe"]["every"]
    expected = [
        row for step in range(0, run.walk.steps, every) for row in measures.probe(run.walk, step)
    ]
    flow = training.table(run.folder, "probe.parquet")
    assert set(flow[0]) == set(expected[0])
    for name in expected[0]:
        pairs = [(a[name], b[name]) for a, b in zip(flow, expected, strict=True)]
        floor = 1e-3 if name in KINKED else 1e-9
        require_close(pairs, name, typical=1e-3, worst=0.15, floor=floor)


def test_a_diverged_run_ends_where_its_loss_does(miniature):
    lost = [folder for folder in RUNS if "lr1e+20" in folder]
    assert lost
    for folder in lost:
        run = checked(miniature, folder)
        assert run.facts["status"] == "diverged"
        assert len(training.table(run.folder, "steps.parquet")) == run.ended
        assert all(math.isfinite(row["loss"]) for row in run.rows)
        run.walk.stand_at(run.ended)
        value, _, gradient = run.walk.pass_at(run.ended)
        largest = float(torch.finfo(torch.float32).max)
        assert not max(value, training.norm(gradient)) < largest  # float32 has no such number


def test_the_plain_run(miniature):
    """Without saved weights: a walk of its own over its few steps, in float64."""
    folder = miniature / "network/plain/seed1"
    settings = runs.over(CONFIG, SMALLER)["network"]
    run = {**settings["plain"], "seed": 1, "augmentation": runs.DEFAULTS["augmentation"]}
    found = plain.walk(run, Images(miniature, settings["split"]))
    facts = json.loads((folder / "run.json").read_text("utf-8"))
    assert facts["parameters"] == found["parameters"]
    assert (facts["train_images"], facts["validation_images"]) == (50, 20)
    assert facts["test_loss"] == pytest.approx(found["test"][0], rel=1e-3)
    assert facts["test_accuracy"] == pytest.approx(found["test"][1])
    for name, tolerance in (("steps.parquet", 1e-3), ("epochs.csv", 1e-3)):
        flow = training.table(folder, name)
        assert len(flow) == len(found[name])
        for theirs, ours in zip(flow, found[name], strict=True):
            assert set(theirs) - {"seconds"} == set(ours)
            for key, value in ours.items():
                assert off(theirs[key], value) < tolerance, (name, key)
