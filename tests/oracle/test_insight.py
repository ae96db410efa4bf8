"""What trained networks are said to have learned: confusion, calibration, mistakes."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file

from oracle.miniature import CONFIG, SMALLER
from oracle.naive import networks, runs
from oracle.naive.chance import balanced
from oracle.naive.images import Images, inputs_of

RUNS = runs.runs(runs.over(CONFIG, SMALLER))


@pytest.fixture(scope="module")
def looked(miniature):
    """(what insight.json says of a network, its logits by the oracle, the labels) of each."""
    found = []
    said = json.loads((miniature / "network/insight.json").read_text("utf-8"))
    for network in said["networks"]:
        run = RUNS[network["run"]]
        images = Images(miniature, run["split"])
        pixels, labels = images.test
        model = networks.build(run["architecture"], run["seed"], inputs_of(images.train[0]).float())
        model.load_state_dict(load_file(miniature / run["folder"] / "model.safetensors"))
        model.double().eval()
        with torch.no_grad():
            found.append((network, model(inputs_of(pixels)).tolist(), labels.tolist()))
    return found


def test_which_networks_are_looked_into(looked):
    names = [network["run"] for network, _, _ in looked]
    assert names == [
        "network/final/accurate/seed1",
        "bands/vgg_a/lr0.001/seed0",
        "bands/vgg_a_bn/lr0.001/seed0",
    ]
    for network, _, _ in looked:
        run = RUNS[network["run"]]
        assert network["arch"] == run["architecture"]["name"]
        assert network["seed"] == run["seed"]
        assert network["learning_rate"] == run["learning_rate"]
        assert network["train_images"] == run["split"]["train_images"]


def judged(logits):
    """(class, confidence) of each image."""
    found = []
    for row in logits:
        powers = [math.exp(value - max(row)) for value in row]
        found.append((row.index(max(row)), max(powers) / sum(powers)))
    return found


def test_confusion_and_accuracies(looked):
    for network, logits, labels in looked:
        counts = [[0] * 10 for _ in range(10)]
        for (called, _), label in zip(judged(logits), labels, strict=True):
            counts[label][called] += 1
        assert network["confusion"] == counts
        right = [counts[k][k] / sum(counts[k]) for k in range(10)]
        assert network["class_accuracy"] == pytest.approx(right)
        assert network["accuracy"] == sum(counts[k][k] for k in range(10)) / len(labels)


def test_calibration(looked):
    for network, logits, labels in looked:
        bins = {}
        for (called, confidence), label in zip(judged(logits), labels, strict=True):
            place = math.ceil(confidence * 15) - 1
            bins.setdefault(place, []).append((confidence, float(called == label)))
        said, error = network["reliability"], 0
        assert said["low"] == pytest.approx([place / 15 for place in sorted(bins)])
        assert said["high"] == pytest.approx([(place + 1) / 15 for place in sorted(bins)])
        for index, place in enumerate(sorted(bins)):
            columns = zip(*bins[place], strict=True)
            sure, right = (sum(column) / len(bins[place]) for column in columns)
            assert said["images"][index] == len(bins[place])
            assert said["confidence"][index] == pytest.approx(sure, rel=1e-4)
            assert said["accuracy"][index] == pytest.approx(right)
            error += len(bins[place]) * abs(right - sure) / len(labels)
        assert network["calibration_error"] == pytest.approx(error, rel=1e-3)


def test_the_most_confident_mistakes(looked, miniature):
    pixels = load_file(miniature / "data/test.safetensors")["pixels"]
    shown = load_file(miniature / "network/insight.safetensors")
    for index, (network, logits, labels) in enumerate(looked):
        wrong = [
            (confidence, called, label, image)
            for image, ((called, confidence), label) in enumerate(
                zip(judged(logits), labels, strict=True)
            )
            if called != label
        ]
        wrong = sorted(wrong, reverse=True)[:6]
        said = network["mistakes"]
        assert said["confidence"] == pytest.approx([row[0] for row in wrong], rel=1e-4)
        assert said["predicted"] == [row[1] for row in wrong]
        assert said["label"] == [row[2] for row in wrong]
        assert said["image"] == [row[3] for row in wrong]
        assert shown[f"{index}/mistakes"].equal(pixels[said["image"]])


def test_which_images_are_shown(miniature):
    test = load_file(miniature / "data/test.safetensors")
    labels = test["labels"].tolist()
    part = balanced(labels, range(len(labels)), 20, 0)
    shown = load_file(miniature / "network/insight.safetensors")
    assert shown["embedding_labels"].tolist() == [labels[k] for k in part]
    first = [next(k for k in part if labels[k] == kind) for kind in (0, 2, 4, 6)]
    assert shown["attributed_images"].equal(test["pixels"][first])
    assert shown["attributed_labels"].tolist() == [0, 2, 4, 6]
