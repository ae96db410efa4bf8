"""What networks learned: each quantity against its closed form or a reference; then its figure."""

import copy
import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file
from torch import nn
from torchmetrics.functional.classification import multiclass_calibration_error

from landscape.config.architectures import Accurate, Compact, ConvNet, Fast, Mlp, Vgg
from landscape.config.network_study import Insight
from landscape.config.recipes import Optimizer
from landscape.config.runs import Run, Split
from landscape.data.batches import Batches, normalized
from landscape.data.dataset import Images
from landscape.errors import UserError
from landscape.figures import style
from landscape.figures import surface as surface_figure
from landscape.figures.insight import attribution as drawn_attribution
from landscape.figures.insight import images as insight_images
from landscape.figures.insight import judgement as drawn
from landscape.figures.insight import maps as insight_maps
from landscape.figures.insight.inspected import titles
from landscape.insight import (
    attribution,
    calibration,
    embedding,
    filters,
    robustness,
    surface,
)
from landscape.insight.confusion import class_accuracy, confusion
from landscape.insight.convolutions import convolutions
from landscape.insight.features import feature_maps, penultimate
from landscape.insight.mistakes import most_confident_mistakes
from landscape.insight.run import collect, collect_surfaces
from landscape.measure.accuracy import evaluate, predictions
from landscape.models import registry as models
from landscape.storage.files import read_json, write_json
from landscape.storage.tables import read_table

CPU = torch.device("cpu")
BN, PLAIN = Vgg(name="vgg_a_bn", width=0.05), Vgg(name="vgg_a", width=0.05)
SMALL = [
    BN,
    Mlp(neurons=16),
    ConvNet(filters=4, neurons=8),
    Compact(width=0.2),
    Fast(width=0.05),
    Accurate(width=0.05, blocks=1),
]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pixels(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)


def network(architecture):
    """As if trained: with running averages that are not those of the start."""
    model = models.build(architecture, seed=0, sample=random(50, 3, 32, 32, seed=1))
    model.train()(random(16, 3, 32, 32, seed=2))
    return model.eval()


def named(architecture):
    return architecture.name


# Filters, layers, features


def test_learned_filters_are_the_first_convolution_s_largest_first():
    model = network(ConvNet(filters=6))
    found = filters.first_filters(model)
    weight = model.features[0][0].weight.detach()
    order = weight.flatten(1).norm(dim=1).argsort(descending=True)
    np.testing.assert_array_equal(found.weights, weight[order].numpy())
    assert (found.layer, found.kind) == ("features.0.0", "convolution")


def test_whitening_filters_are_shown_as_they_are_and_an_mlp_s_as_images():
    model = network(Fast(width=0.05))
    found = filters.first_filters(model)
    assert found.kind == "whitening"
    assert found.weights.shape == (24, 3, 2, 2)
    np.testing.assert_array_equal(found.weights[:12], -found.weights[12:])
    flat = network(Mlp(neurons=20))
    found = filters.first_filters(flat)
    first = flat.hidden[0].weight.detach()
    assert found.weights.shape == (filters.LARGE_COUNT, 3, 32, 32)
    largest = first[first.norm(dim=1).argmax()]
    np.testing.assert_array_equal(found.weights[0].ravel(), largest.numpy())


def test_filters_are_shown_with_grey_for_zero():
    weights = np.zeros((2, 3, 1, 2), np.float32)
    weights[0, 0, 0, 0], weights[0, 1, 0, 1] = -4, 2
    colours = filters.shown(weights)
    assert colours[0, 0, 0, 0] == 0
    assert colours[0, 1, 0, 1] == 0.75
    assert (colours[1] == 0.5).all()  # a dead filter


@pytest.mark.parametrize(
    ("architecture", "count", "last", "side"),
    [
        (PLAIN, 6, "features.13", 4),  # its last two see 2×2 places
        (Compact(width=0.2), 32, None, 8),  # head's 1×1 convolution; no channel attention
        (Accurate(width=0.05, blocks=1), 7, None, 7),  # its last two see 3×3 places
        (Mlp(neurons=8), 0, None, None),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_convolutions_are_those_that_see_places(architecture, count, last, side):
    model = network(architecture)
    found = convolutions(model, random(1, 3, 32, 32))
    assert all(layer.side >= 4 for layer in found)
    assert not any("squeeze" in layer.name or "excite" in layer.name for layer in found)
    if architecture.name == "vgg_a":
        assert (len(found), found[-1].name) == (count, last)
    assert (found[-1].side if found else None) == side


def test_feature_maps_are_the_layer_s_outputs_that_vary_most():
    model, image = network(BN), random(1, 3, 32, 32)
    maps = feature_maps(model, image)
    outputs = model.features[0](image)[0].detach()
    order = outputs.flatten(1).std(dim=1).argsort(descending=True)
    np.testing.assert_allclose(maps["features.0"], outputs[order].numpy(), rtol=1e-5, atol=1e-6)
    assert len(maps) == 3
    assert all(len(layer) <= 8 for layer in maps.values())
    assert feature_maps(network(Mlp(neurons=8)), image) == {}


@pytest.mark.parametrize("architecture", SMALL, ids=named)
def test_the_last_layer_of_the_features_gives_the_logits(architecture):
    model, batches = network(architecture), Batches(Images(pixels(12), torch.arange(12) % 10), 5)
    features = penultimate(model, batches)
    logits = model.output_layer(features).detach()
    if architecture.name in ("fast", "accurate"):
        logits = model.scale(logits)
    torch.testing.assert_close(logits, predictions(model, batches))


# Attribution


class Linear(nn.Module):
    """relu(convolution), mean over places, a linear head: Grad-CAM can be written down."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 5, 3, padding=1), nn.Linear(5, 10, bias=False)

    def forward(self, x):
        return self.head(self.conv(x).mean((2, 3)))


def test_grad_cam_of_a_linear_head_has_its_closed_form():
    model, inputs, classes = Linear(), random(3, 3, 8, 8), torch.tensor([1, 0, 7])
    found = attribution.grad_cam(model, model.conv, inputs, classes)
    maps, weights = model.conv(inputs).detach(), model.head.weight.detach()[classes] / 64
    expected = torch.einsum("nk,nkhw->nhw", weights, maps).relu()
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-7)


def test_integrated_gradients_of_a_linear_network_are_weight_times_input():
    model, inputs, classes = (
        nn.Sequential(nn.Flatten(), nn.Linear(48, 10)),
        random(2, 3, 4, 4),
        [3, 9],
    )
    found, missed = attribution.integrated_gradients(model, inputs, torch.tensor(classes))
    weights = model[1].weight.detach()[classes].reshape(2, 3, 4, 4)
    expected = (weights * inputs).sum(1)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(missed, 0, atol=1e-5)


@pytest.mark.parametrize(
    "architecture", [Mlp(neurons=16, activation="tanh"), Fast(width=0.05), BN], ids=named
)
def test_integrated_gradients_sum_to_the_difference_of_logits(architecture):
    model, inputs = network(architecture), normalized(pixels(3))
    classes = torch.tensor([0, 4, 9])
    found, missed = attribution.integrated_gradients(model, inputs, classes)
    with torch.no_grad():
        rise = model(inputs) - model(torch.zeros_like(inputs))
    expected = rise[torch.arange(3), classes].numpy()
    assert found.shape == (3, 32, 32)
    np.testing.assert_allclose(found.sum((1, 2)) - missed, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(missed, 0, atol=0.02 + 0.05 * np.abs(expected).max())


@pytest.mark.parametrize("architecture", SMALL, ids=named)
def test_looking_changes_nothing(architecture):
    model, inputs = network(architecture), normalized(pixels(2))
    before, state = copy.deepcopy(model.state_dict()), torch.random.get_rng_state()
    classes = torch.tensor([1, 2])
    layers = convolutions(model, inputs)
    if layers:
        found = attribution.grad_cam(model, layers[-1].module, inputs, classes)
        assert found.shape == (2, layers[-1].side, layers[-1].side)
        assert (found >= 0).all()
    attribution.integrated_gradients(model, inputs, classes)
    feature_maps(model, inputs[:1])
    along = surface.direction(model, 0, 0), surface.direction(model, 0, 1)
    surface.surface(model, [(inputs, classes)], along, 3)
    after = model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert not any(module.training for module in model.modules())
    hooks = [m for m in model.modules() if m._forward_hooks or m._forward_pre_hooks]
    assert not hooks
    assert torch.equal(torch.random.get_rng_state(), state)


# Judgements


def logits_of(predicted, confidence, classes=10):
    """Logits whose largest softmax is `confidence`, at `predicted`."""
    rest = (1 - torch.tensor(confidence, dtype=torch.float64)) / (classes - 1)
    probabilities = rest[:, None].expand(-1, classes).clone()
    probabilities[torch.arange(len(predicted)), predicted] = torch.tensor(
        confidence, dtype=torch.float64
    )
    return probabilities.log()


def test_confusion_counts_every_image_once():
    labels = torch.arange(60) % 10
    logits = random(60, 10)
    matrix = confusion(logits, labels)
    expected = np.zeros((10, 10), int)
    for label, predicted in zip(labels, logits.argmax(1), strict=True):
        expected[label, predicted] += 1
    np.testing.assert_array_equal(matrix, expected)
    np.testing.assert_array_equal(matrix.sum(1), 6)
    hits = (logits.argmax(1) == labels).double()
    by_class = [hits[labels == label].mean() for label in range(10)]
    np.testing.assert_allclose(class_accuracy(matrix), by_class)


def test_calibration_error_by_hand():
    # Bins of 1/15: two images at 0.95 (14th of 15), one right; two at 0.5 (7th), both right.
    logits = logits_of([0, 1, 2, 3], [0.95, 0.95, 0.5, 0.5])
    labels = torch.tensor([0, 9, 2, 3])
    expected = 0.5 * abs(0.5 - 0.95) + 0.5 * abs(1 - 0.5)
    bins = calibration.reliability(logits, labels)
    assert calibration.calibration_error(bins) == pytest.approx(expected)
    assert list(bins["images"]) == [2, 2]
    np.testing.assert_allclose(bins["low"], [7 / 15, 14 / 15])
    np.testing.assert_allclose(bins["accuracy"], [1, 0.5])


def test_calibration_error_is_that_of_torchmetrics():
    logits, labels = 3 * random(500, 10), torch.arange(500) % 10
    bins = calibration.reliability(logits, labels)
    reference = multiclass_calibration_error(logits.double().softmax(1), labels, 10, 15)
    assert calibration.calibration_error(bins) == pytest.approx(float(reference), rel=1e-5)
    assert bins["images"].sum() == 500
    assert (bins["confidence"].between(bins["low"], bins["high"])).all()


def test_a_confidence_of_exactly_one_belongs_to_the_last_bin():
    """The control: torchmetrics gives it a bin of its own, and a larger error."""
    logits = torch.tensor([[900.0, 0], [900, 0], [0, 0], [0, 0]])
    logits[2:] = torch.tensor([0.95, 0.05]).log()
    labels = torch.tensor([0, 1, 0, 0])
    expected = abs(3 / 4 - (1 + 1 + 0.95 + 0.95) / 4)
    bins = calibration.reliability(logits, labels)
    assert calibration.calibration_error(bins) == pytest.approx(expected, abs=1e-6)
    assert list(bins["high"]) == [1]
    apart = multiclass_calibration_error(logits.softmax(1), labels, 2, 15)
    assert float(apart) == pytest.approx(0.5 * 0.5 + 0.5 * 0.05, abs=1e-6)


def test_mistakes_are_the_most_confident_wrong_ones():
    logits = logits_of([0, 1, 2, 3, 4], [0.9, 0.8, 0.99, 0.8, 0.95])
    labels = torch.tensor([5, 5, 2, 5, 5])
    found = most_confident_mistakes(logits, labels, 3)
    assert list(found["image"]) == [4, 0, 1]  # image 2 is right; 1 and 3 are equally sure
    assert list(found["predicted"]) == [4, 0, 1]
    np.testing.assert_allclose(found["confidence"], [0.95, 0.9, 0.8])
    assert len(most_confident_mistakes(logits[2:3], labels[2:3])) == 0


# Embedding


def test_planar_features_are_recovered():
    plane, _ = torch.linalg.qr(random(7, 2, seed=1).double())
    inside = random(40, 2).double() * torch.tensor([3.0, 1.0])
    features = inside @ plane.T + 5
    points, shares = embedding.principal_plane(features)
    assert sum(shares) == pytest.approx(1)
    assert shares[0] > shares[1]
    distances = torch.cdist(torch.tensor(points).double(), torch.tensor(points).double())
    torch.testing.assert_close(distances, torch.cdist(inside, inside), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(points.mean(0), 0, atol=1e-5)


def test_axes_along_coordinates_have_their_sign_and_variance():
    grid = torch.cartesian_prod(torch.tensor([-3.0, 3.0]), torch.tensor([-1.0, 1.0]))
    points, shares = embedding.principal_plane(grid)
    np.testing.assert_allclose(points, grid.numpy(), atol=1e-6)
    assert shares == pytest.approx([0.9, 0.1])
    same, none = embedding.principal_plane(torch.ones(5, 4))
    assert (same == 0).all()
    assert none == [0, 0]


# Robustness


def test_severity_zero_is_the_clean_accuracy():
    model, images = network(BN), Images(pixels(30), torch.arange(30) % 10)
    found = robustness.robustness(model, images, robustness.disturbed(images), CPU)
    _, clean = evaluate(model, Batches(images, 500))
    assert (found.loc[found["severity"] == 0, "accuracy"] == clean).all()
    assert found.groupby("kind").size().to_dict() == dict.fromkeys(robustness.AMOUNTS, 5)
    assert found["accuracy"].between(0, 1).all()


def test_noise_has_its_standard_deviation_and_is_one_draw_scaled():
    grey = torch.full((50, 3, 32, 32), 128, dtype=torch.uint8)
    little, much = (robustness.noise(grey, amount).float() - 128 for amount in (8, 16))
    assert little.std().item() == pytest.approx(8, rel=0.01)
    assert ((much - 2 * little).abs() <= 1.5).all()  # but for rounding
    torch.testing.assert_close(robustness.noise(grey, 0), grey)


def test_blur_keeps_a_constant_and_spreads_a_point():
    grey = torch.full((2, 3, 32, 32), 77, dtype=torch.uint8)
    assert torch.equal(robustness.blur(grey, 1.5), grey)
    point = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    point[..., 16, 16] = 255
    weights = np.exp(-0.5 * np.arange(-3, 4) ** 2)
    weights /= weights.sum()
    found = robustness.blur(point, 1)[0, 0, 16, 13:20].numpy()
    np.testing.assert_allclose(found, 255 * weights * weights[3], atol=0.51)


def test_shift_moves_every_image_one_way_and_reflects_the_border():
    images = pixels(40)
    moved = robustness.shift(images, 2)
    ways = {"down": (2, 0), "up": (-2, 0), "right": (0, 2), "left": (0, -2)}
    inside = slice(2, 30)
    seen = set()
    for before, after in zip(images, moved, strict=True):
        way = [
            name
            for name, (y, x) in ways.items()
            if torch.equal(
                after.roll((-y, -x), (1, 2))[:, inside, inside], before[:, inside, inside]
            )
        ]
        assert len(way) == 1
        seen.update(way)
        if way == ["down"]:
            assert torch.equal(after[:, :2], before[:, [2, 1]])
    assert seen == set(ways)


def test_jpeg_keeps_flat_images_and_loses_more_at_lower_quality():
    flat = torch.arange(10, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 32, 32) * 20
    assert ((robustness.jpeg(flat, 75).float() - flat.float()).abs() <= 2).all()
    images = pixels(3)
    lost = [(robustness.jpeg(images, q).float() - images.float()).abs().mean() for q in (90, 30)]
    assert 0 < lost[0] < lost[1]


def test_disturbed_images_are_the_same_every_time():
    images = Images(pixels(6), torch.arange(6))
    first, second = robustness.disturbed(images), robustness.disturbed(images)
    assert all(torch.equal(first[key].pixels, second[key].pixels) for key in first)
    assert not any(torch.equal(first[key].pixels, images.pixels) for key in first)


# Surface


def test_directions_have_the_norms_of_the_weights_filter_by_filter():
    model = network(BN)
    along = surface.direction(model, 0, 0)
    for name, parameter in model.named_parameters():
        if parameter.ndim < 2:
            assert (along[name] == 0).all()
        else:
            norms = parameter.detach().flatten(1).norm(dim=1)
            torch.testing.assert_close(along[name].flatten(1).norm(dim=1), norms)
    other = surface.direction(model, 0, 1)
    assert not torch.equal(along["features.0.weight"], other["features.0.weight"])
    again = surface.direction(model, 0, 0)
    assert all(torch.equal(along[name], again[name]) for name in along)


@pytest.mark.parametrize("architecture", [PLAIN, BN, Accurate(width=0.05, blocks=1)], ids=named)
def test_the_centre_of_the_surface_is_the_plain_loss(architecture):
    model, inputs, labels = network(architecture), normalized(pixels(32)), torch.arange(32) % 10
    along = surface.direction(model, 0, 0), surface.direction(model, 0, 1)
    batches = [(inputs[:20], labels[:20]), (inputs[20:], labels[20:])]
    found = surface.surface(model, batches, along, 3)
    twin = copy.deepcopy(model)
    for module in twin.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train()  # batch statistics; dropout stays off
    losses = [nn.functional.cross_entropy(twin(x), y).item() * len(y) for x, y in batches]
    centre = found[(found["x"] == 0) & (found["y"] == 0)]["loss"].item()
    assert centre == pytest.approx(sum(losses) / 32, rel=1e-6)
    assert len(found) == 9
    assert found["loss"].nunique() == 9


class Quadratic(nn.Module):
    """L(θ) = ½ θᵀHθ."""

    def __init__(self):
        super().__init__()
        root = random(6, 6, seed=4).double()
        self.register_buffer("hessian", root @ root.T)
        self.theta = nn.Parameter(random(6, seed=5).double())

    def forward(self, _):
        return 0.5 * self.theta @ self.hessian @ self.theta


def test_the_surface_of_a_quadratic_has_its_closed_form():
    model = Quadratic()
    first, second = random(6, seed=6).double(), random(6, seed=7).double()
    batches = [(None, torch.zeros(4)), (None, torch.zeros(2))]
    found = surface.surface(
        model, batches, ({"theta": first}, {"theta": second}), 5, lambda loss, _: loss
    )
    for row in found.itertuples():
        point = model.theta.detach() + row.x * first + row.y * second
        assert row.loss == pytest.approx((0.5 * point @ model.hessian @ point).item())
    assert sorted(found["x"].unique()) == [-1, -0.5, 0, 0.5, 1]


# From runs to files


def save_run(results, name, architecture, seed=0):
    run = Run(
        study="network",
        name=name,
        seed=seed,
        architecture=architecture,
        optimizer=Optimizer(),
        learning_rate=0.01,
        batch_size=50,
        epochs=1,
        split=Split(train_images=150),
        device="cpu",
        precision="float32",
    )
    folder = results / run.id
    folder.mkdir(parents=True)
    save_file(network(architecture).state_dict(), folder / "model.safetensors")
    content = {"run": json.loads(run.model_dump_json()), "status": "completed"}
    content |= {"train_images": 150, "device": "a machine", "precision": "float32"}
    write_json(folder / "run.json", content)
    return run.id


@pytest.fixture(scope="module")
def looked_into(results, tmp_path_factory):
    """A results folder with three runs, all looked into, and the settings for it."""
    folder = tmp_path_factory.mktemp("insight")
    (folder / "data").symlink_to(results / "data")
    runs = (
        save_run(folder, "final/fast", Fast(width=0.05)),
        save_run(folder, "vgg", BN),
        save_run(folder, "mlp", Mlp(neurons=8)),
    )
    settings = Insight(
        finals=(), runs=runs, surfaces=runs[:2], surface_points=3, surface_images=40, images=20
    )
    collect(settings, folder, "cpu", threads=None)
    collect_surfaces(settings, folder, "cpu", threads=None)
    return folder, settings


def test_what_is_written_agrees_with_itself(looked_into):
    folder, settings = looked_into
    info = read_json(folder / "network/insight.json")
    arrays = load_file(folder / "network/insight.safetensors")
    assert tuple(network["run"] for network in info["networks"]) == settings.runs
    assert (info["images"], info["test_images"]) == (20, 50)
    for index, one in enumerate(info["networks"]):
        matrix = np.array(one["confusion"])
        assert matrix.sum() == 50
        assert one["accuracy"] == pytest.approx(np.trace(matrix) / 50)
        assert np.mean(one["class_accuracy"]) == pytest.approx(one["accuracy"])
        assert sum(one["reliability"]["images"]) == 50
        assert arrays[f"{index}/embedding"].shape == (20, 2)
        assert len(arrays[f"{index}/mistakes"]) == len(one["mistakes"]["image"])
        assert one["robustness"]["amount"][0] is None
        assert (f"{index}/grad_cam" in arrays) == (one["arch"] != "mlp")
    assert len(set(arrays["attributed_labels"].tolist())) == 4
    table = read_table(folder / "network/surface.parquet")
    made = ["seed", "train_images", "device", "precision"]
    assert list(table.columns) == ["run", "arch", "x", "y", "loss", "mode", *made]
    assert table.groupby("run").size().to_dict() == dict.fromkeys(settings.surfaces, 9)
    assert set(table["mode"]) == {"batch statistics"}


def test_two_calls_give_the_same_bytes(looked_into):
    folder, settings = looked_into
    names = ("insight.safetensors", "insight.json", "surface.parquet")
    before = [(folder / "network" / name).read_bytes() for name in names]
    torch.manual_seed(99)  # the global state must not matter
    collect(settings, folder, "cpu", threads=None)
    collect_surfaces(settings, folder, "cpu", threads=None)
    assert [(folder / "network" / name).read_bytes() for name in names] == before


def test_a_run_that_diverged_is_left_out_and_named(looked_into, tmp_path):
    folder, settings = looked_into
    shutil.copytree(folder, tmp_path / "results", symlinks=True)
    fast, vgg, mlp = settings.runs
    path = tmp_path / "results" / vgg / "run.json"
    write_json(path, {**read_json(path), "status": "diverged", "diverged_at_step": 3})
    collect(settings, tmp_path / "results", "cpu")
    collect_surfaces(settings, tmp_path / "results", "cpu")
    info = read_json(tmp_path / "results/network/insight.json")
    assert [network["run"] for network in info["networks"]] == [fast, mlp]
    assert info["diverged"] == [vgg]
    assert set(read_table(tmp_path / "results/network/surface.parquet")["run"]) == {fast}
    collect(settings.model_copy(update={"runs": (vgg,)}), tmp_path / "results", "cpu")
    info = read_json(tmp_path / "results/network/insight.json")
    assert (info["networks"], info["diverged"]) == ([], [vgg])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"runs": ()}, r"network\.insight\.runs: names no run"),
        ({"images": 60}, r"network\.insight\.images: 60 images asked for"),
        ({"images": 5}, r"network\.insight\.images: 5 is fewer than the 10 classes"),
        ({"runs": ("network/final/none/seed0",)}, r"none/seed0/run\.json: no such file"),
    ],
)
def test_what_cannot_be_looked_into_is_said(looked_into, changes, said):
    folder, settings = looked_into
    with pytest.raises(UserError, match=said):
        collect(settings.model_copy(update=changes), folder, "cpu")
    assert (folder / "network/insight.json").exists()  # nothing was lost on the way


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"surfaces": ()}, r"network\.insight\.surfaces: names no run"),
        ({"surface_images": 151}, r"network\.insight\.surface_images: 151 images asked for"),
    ],
)
def test_what_cannot_be_looked_around_is_said(looked_into, changes, said):
    folder, settings = looked_into
    with pytest.raises(UserError, match=said):
        collect_surfaces(settings.model_copy(update=changes), folder, "cpu")


# Figures

FIGURES = {
    name: getattr(module, name)
    for module in (drawn, insight_images, insight_maps, drawn_attribution)
    for name in vars(module)
    if name.startswith("insight_")
}


def synthetic(archs):
    """Arrays and numbers as collect writes them, of no network."""
    random = np.random.default_rng(0)
    kinds = [f"class {kind}" for kind in range(10)]
    arrays = {
        "attributed_images": random.integers(0, 256, (4, 3, 32, 32), np.uint8),
        "attributed_labels": np.arange(4),
        "embedding_labels": np.arange(40) % 10,
    }
    networks = []
    for index, arch in enumerate(archs):
        matrix = random.integers(1, 9, (10, 10)) + 60 * np.eye(10, dtype=int)
        edges = np.linspace(0, 1, 16)
        own = {
            "filters": random.random((16, 3, 3, 3), np.float32),
            "features/0": random.random((8, 32, 32), np.float32),
            "features/1": random.random((8, 8, 8), np.float32),
            "grad_cam": random.random((4, 8, 8), np.float32),
            "integrated_gradients": random.standard_normal((4, 32, 32), np.float32),
            "embedding": random.standard_normal((40, 2), np.float32),
            "mistakes": random.integers(0, 256, (6, 3, 32, 32), np.uint8),
        }
        arrays |= {f"{index}/{name}": array for name, array in own.items()}
        severities = list(range(5)) * 4
        networks.append(
            {
                "run": f"network/{arch}/seed{index}",
                "arch": arch,
                "name": arch,
                "learning_rate": 0.001,
                "seed": index,
                "filter_layer": "features.0",
                "filter_kind": "convolution",
                "feature_layers": ["features.0", "features.1"],
                "grad_cam_layer": "features.1",
                "attributed": {"predicted": [0, 1, 2, 3], "confidence": [0.5, 0.6, 0.7, 0.8]},
                "embedding_variance": [0.6, 0.2],
                "accuracy": float(np.trace(matrix) / matrix.sum()),
                "class_accuracy": (np.diag(matrix) / matrix.sum(1)).tolist(),
                "confusion": matrix.tolist(),
                "calibration_error": 0.0312,
                "reliability": {
                    "low": edges[:-1].tolist(),
                    "high": edges[1:].tolist(),
                    "images": list(range(1, 16)),
                    "confidence": ((edges[1:] + edges[:-1]) / 2).tolist(),
                    "accuracy": (edges[1:] ** 2).tolist(),
                },
                "mistakes": {
                    "image": list(range(6)),
                    "label": list(range(6)),
                    "predicted": list(range(1, 7)),
                    "confidence": [0.99] * 6,
                },
                "robustness": {
                    "kind": [kind for kind in robustness.AMOUNTS for _ in range(5)],
                    "severity": severities,
                    "amount": [None if severity == 0 else severity for severity in severities],
                    "accuracy": [0.9 - 0.1 * severity for severity in severities],
                },
            }
        )
    return arrays, {"class_names": kinds, "networks": networks}


def synthetic_surface(archs):
    at = np.linspace(-1, 1, 5)
    x, y = (grid.ravel() for grid in np.meshgrid(at, at))
    parts = [
        pd.DataFrame({"x": x, "y": y, "loss": 0.1 + (1 + k) * (x**2 + y**2)}).assign(
            run=f"network/{arch}/seed0", arch=arch, mode="batch statistics"
        )
        for k, arch in enumerate(archs)
    ]
    return pd.concat(parts, ignore_index=True)


THREE = ("accurate", "vgg_a", "vgg_a_bn")


@pytest.mark.parametrize("archs", [THREE[:1], THREE], ids=len)
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_drawn_of_one_and_of_three_networks(name, archs):
    arrays, info = synthetic(archs)
    figure = FIGURES[name](arrays, info)
    figure.draw_without_rendering()
    assert figure.get_figwidth() <= style.WIDTH


def test_figures_show_the_numbers():
    arrays, info = synthetic(THREE)
    matrix = drawn.insight_confusion(arrays, info).axes[1].images[0].get_array()
    counts = np.array(info["networks"][1]["confusion"])
    np.testing.assert_allclose(matrix, 100 * counts / counts.sum(1, keepdims=True))
    legend = drawn.insight_calibration(arrays, info).axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["ECE 3.1 %"]
    lines = insight_images.insight_robustness(arrays, info).axes[0].lines
    np.testing.assert_allclose(lines[2].get_ydata(), [90, 80, 70, 60, 50])
    table = synthetic_surface(THREE)
    flat = surface_figure.loss_surface(table).axes[1].collections[0]
    assert flat.norm.vmin == table["loss"].min()
    assert flat.norm.vmax == table["loss"].max()


def test_a_network_without_convolutions_or_mistakes_is_drawn():
    arrays, info = synthetic(("mlp", "vgg_a"))
    del arrays["0/grad_cam"]
    info["networks"][0]["feature_layers"] = []
    arrays["0/mistakes"] = arrays["0/mistakes"][:0]
    info["networks"][0]["mistakes"] = {"image": [], "label": [], "predicted": [], "confidence": []}
    for name in ("insight_features", "insight_attribution", "insight_mistakes"):
        FIGURES[name](arrays, info).draw_without_rendering()


REFUSED = {
    "insight_filters": "0/filters",
    "insight_features": "0/features/1",
    "insight_attribution": "0/integrated_gradients",
    "insight_confusion": "confusion",
    "insight_calibration": "reliability.accuracy",
    "insight_classes": "class_accuracy",
    "insight_embedding": "0/embedding",
    "insight_robustness": "robustness.accuracy",
    "insight_mistakes": "mistakes.confidence",
}


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", FIGURES)
def test_no_figure_is_drawn_from_a_number_that_is_not_finite(name, value):
    arrays, info = synthetic(("vgg_a",))
    quantity = REFUSED[name]
    if quantity in arrays:
        arrays[quantity].flat[1] = value
    else:
        inside = info["networks"][0]
        *tables, last = quantity.split(".")
        for table in tables:
            inside = inside[table]
        row = inside[last][0]
        if isinstance(row, list):
            row[0] = value
        else:
            inside[last][0] = value
    said = quantity.removeprefix("0/")
    with pytest.raises(UserError, match=f"network/vgg_a/seed0: {said} must be finite"):
        FIGURES[name](arrays, info)


def test_what_is_missing_is_named():
    arrays, info = synthetic(("vgg_a",))
    del arrays["0/filters"]
    with pytest.raises(UserError, match="network/vgg_a/seed0: filters is missing"):
        insight_maps.insight_filters(arrays, info)
    with pytest.raises(UserError, match="networks: the list is empty"):
        drawn.insight_classes(arrays, {"class_names": [], "networks": []})


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_no_surface_is_drawn_from_a_loss_that_a_log_scale_lacks(value):
    table = synthetic_surface(THREE)
    table.loc[3, "loss"] = value
    with pytest.raises(UserError, match="network/accurate/seed0: loss must be"):
        surface_figure.loss_surface(table)
    with pytest.raises(UserError, match="every point once"):
        surface_figure.loss_surface(pd.concat([synthetic_surface(THREE)] * 2))


def test_runs_of_one_architecture_are_told_apart():
    def network(name, arch, rate, seed):
        return {"name": name, "arch": arch, "learning_rate": rate, "seed": seed}

    assert titles(
        [
            network(None, "vgg_a", 0.001, 0),
            network(None, "vgg_a", 0.002, 0),
            network("ablation/fast/no_whitening", "fast", 0.24, 0),
            network("final/fast", "fast", 0.24, 0),
            network("final/very_fast", "fast", 0.24, 0),
            network("final/resnet18", "resnet18", 0.1, 3),
        ]
    ) == [
        "VGG-A\nlr 0.001",
        "VGG-A\nlr 0.002",
        "fast\nno whitening",
        "fast\nfast",
        "very fast",
        "ResNet-18",
    ]


def test_the_same_surface_gives_the_same_bytes(tmp_path):
    files = [(tmp_path / f"{i}.png", tmp_path / f"{i}.pdf") for i in range(2)]
    for png, pdf in files:
        style.save(surface_figure.loss_surface(synthetic_surface(THREE[:1])), png, pdf)
    for first, second in zip(*files, strict=True):
        assert first.read_bytes() == second.read_bytes()
