"""What a recipe may ask of the trajectory: each option equals a hand-written loop, and resumes."""

import copy
import io
import math
from typing import get_args

import pytest
import torch
from torch import nn

from landscape.config.architectures import Accurate, Compact, ConvNet, Fast
from landscape.config.recipes import (
    WITH_MOMENTUM,
    Augmentation,
    Loss,
    Optimizer,
    OptimizerName,
    Schedule,
    SmallImages,
)
from landscape.config.runs import Run, Split
from landscape.data import dataset
from landscape.data.batches import Batches, normalized
from landscape.models import registry as models
from landscape.optimizers import registry as optimizers
from landscape.optimizers import schedule
from landscape.training.trajectory import State, trajectory

CPU = torch.device("cpu")
STEPS = 8  # of batches of which an epoch has seven
NETWORK = ConvNet(filters=2, neurons=8)
MUON = Optimizer(
    name="muon",
    momentum=0.9,
    nesterov=True,
    weight_decay=0.001,
    vector_learning_rate=0.02,
    head_learning_rate=0.04,
)


@pytest.fixture(scope="module")
def images(results):
    return dataset.load(results / "data", "train")


def a_run(**changes):
    settings = {
        "study": "network",
        "name": "test",
        "architecture": NETWORK,
        "learning_rate": 0.05,
        "optimizer": Optimizer(name="sgd"),
        "batch_size": 32,
        "epochs": 2,
        "seed": 0,
        "split": Split(),
        "device": "cpu",
        "precision": "float32",
    }
    return Run(**(settings | changes))


def batches_of(run, images):
    return Batches(images, run.batch_size, run.seed, augmentation=run.augmentation)


def start(run, images):
    return State(run, CPU, sample=normalized(images.pixels[:50]))


def walk(run, images, steps=STEPS, state=None, until=None):
    """Walk to update `until` of `steps`; also what was seen at each step."""
    state = start(run, images) if state is None else state
    seen = []

    def go_on():
        return state.step < (until or steps)

    for step in trajectory(run, state, batches_of(run, images), steps, go_on):
        seen.append((step, state.flat.vector.clone(), state.flat.gradient.clone()))
    return state, seen


def weights_of(state):
    return {name: value.clone() for name, value in state.model.state_dict().items()}


def assert_equal(first, second):
    """Bitwise: parameters, buffers, running average and the optimizer's state."""
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name
    assert (first.average is None) == (second.average is None)
    if first.average is not None:
        assert first.average.keys() == second.average.keys()
        assert all(torch.equal(first.average[k], second.average[k]) for k in first.average)
    for a, b in zip(flattened(first.optimizer), flattened(second.optimizer), strict=True):
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


def flattened(part):
    """The leaves of an optimizer's state, in a fixed order."""
    if isinstance(part, torch.optim.Optimizer):
        part = part.state_dict()
    if isinstance(part, dict):
        return [leaf for key in sorted(part, key=str) for leaf in flattened(part[key])]
    if isinstance(part, list | tuple):
        return [leaf for item in part for leaf in flattened(item)]
    return [part]


def reloaded(state, run, images):
    """A fresh state that loads what a checkpoint would hold, through a file's bytes."""
    buffer = io.BytesIO()
    torch.save(state.state_dict(), buffer)
    buffer.seek(0)
    fresh = start(run, images)
    fresh.load_state_dict(torch.load(buffer, weights_only=True))
    return fresh


def test_sharpness_aware_steps_equal_a_hand_written_loop(images):
    """Running statistics see each batch once; the recorded loss is the one at θ."""
    radius, steps = 0.3, 5
    run = a_run(optimizer=Optimizer(name="sgd", sharpness_radius=radius))
    state, seen = walk(run, images, steps)
    model = models.build(run.architecture, run.seed).train()
    for index in range(steps):
        inputs, labels = batches_of(run, images).batch(index)
        loss = nn.functional.cross_entropy(model(inputs), labels)
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        norm = math.sqrt(sum(float(g.square().sum()) for g in gradients))
        twin = copy.deepcopy(model)
        with torch.no_grad():
            for parameter, g in zip(twin.parameters(), gradients, strict=True):
                parameter += radius * g / norm
        there = nn.functional.cross_entropy(twin(inputs), labels)
        turned = torch.autograd.grad(there, list(twin.parameters()))
        with torch.no_grad():
            for parameter, g in zip(model.parameters(), turned, strict=True):
                parameter -= run.learning_rate * g
        assert seen[index][0].loss.item() == pytest.approx(loss.item(), rel=1e-4)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(state.model.state_dict()[name], value, rtol=1e-3, atol=1e-5)
    plain, _ = walk(a_run(), images, steps)
    assert not torch.allclose(plain.flat.vector, state.flat.vector, atol=1e-4)


def test_the_running_average_has_its_closed_form(images):
    """A_t = Π d_s θ_0 + Σ_t (1 − d_t) Π_{s>t} d_s θ_t with d_t = min(d, (1 + t)/(10 + t))."""
    run = a_run(average_decay=0.3)
    state, seen = walk(run, images)
    points = [vector.double() for _, vector, _ in seen] + [state.flat.vector.double()]
    decays = [min(0.3, (1 + t) / (10 + t)) for t in range(1, STEPS + 1)]
    assert decays[0] < decays[-1] == 0.3
    expected = math.prod(decays) * points[0]
    for t, point in enumerate(points[1:]):
        expected += (1 - decays[t]) * math.prod(decays[t + 1 :]) * point
    torch.testing.assert_close(state.average["parameters"].double(), expected, rtol=1e-5, atol=1e-6)


def test_batch_statistics_are_averaged_with_the_weights(images):
    state, _ = walk(a_run(average_decay=0.9), images)
    buffers = {n: b for n, b in state.model.named_buffers() if b.is_floating_point()}
    assert buffers
    assert set(state.average) == {"parameters", *buffers}
    with state.averaged():
        for name, buffer in state.model.named_buffers():
            if name in buffers:
                assert torch.equal(buffer, state.average[name])


def test_averaging_leaves_the_trajectory_bitwise_alone(images):
    plain, _ = walk(a_run(), images)
    averaged, _ = walk(a_run(average_decay=0.99), images)
    assert torch.equal(plain.flat.vector, averaged.flat.vector)
    assert plain.average is None


def test_inside_the_block_the_weights_are_the_average_and_then_again_the_last(images):
    state, _ = walk(a_run(average_decay=0.9), images)
    before = weights_of(state)
    with state.averaged():
        assert torch.equal(state.flat.vector, state.average["parameters"])
        name, parameter = next(iter(state.model.named_parameters()))
        assert not torch.equal(parameter, before[name])
    assert all(torch.equal(before[name], value) for name, value in weights_of(state).items())

    def fail():
        with state.averaged():
            raise RuntimeError("evaluation failed")

    with pytest.raises(RuntimeError, match="evaluation failed"):
        fail()
    assert all(torch.equal(before[name], value) for name, value in weights_of(state).items())


def test_without_an_average_the_block_is_about_the_weights_themselves(images):
    state, _ = walk(a_run(), images, steps=1)
    before = state.flat.vector.clone()
    with state.averaged():
        assert torch.equal(state.flat.vector, before)


def test_the_schedule_is_applied_at_every_step(images):
    """θ_{i+1} = θ_i − η f(i) g_i."""
    settings = Schedule(warmup=0.3, decay="cosine")
    run = a_run(schedule=settings)
    state, seen = walk(run, images)
    points = [vector for _, vector, _ in seen] + [state.flat.vector]
    factors = [schedule.factor(settings, step, STEPS) for step in range(STEPS)]
    assert len(set(factors)) > 5
    for index, factor in enumerate(factors):
        _, vector, gradient = seen[index]
        expected = vector - 0.05 * factor * gradient
        torch.testing.assert_close(points[index + 1], expected, rtol=1e-6, atol=1e-7)


def test_the_schedule_scales_the_learning_rate_of_every_group(images):
    settings = Schedule(decay="linear", final=0.5)
    run = a_run(optimizer=MUON, schedule=settings)
    state, _ = walk(run, images, steps=4)
    last = schedule.factor(settings, 3, 4)
    rates = [group["lr"] for group in state.optimizer.param_groups]
    assert rates == pytest.approx([0.05 * last, 0.02 * last, 0.04 * last])


def test_an_l1_penalty_is_in_the_gradient_and_not_in_the_loss(images):
    strength = 0.01
    (_, start_vector, plain), *_ = walk(a_run(), images, steps=1)[1]
    run = a_run(loss=Loss(l1=strength))
    (step, vector, penalized), *_ = walk(run, images, steps=1)[1]
    torch.testing.assert_close(penalized, plain + strength * start_vector.sign())
    assert torch.equal(vector, start_vector)
    inputs, labels = batches_of(run, images).batch(0)
    model = models.build(run.architecture, run.seed).train()
    expected = nn.functional.cross_entropy(model(inputs), labels).item()
    assert step.loss.item() == pytest.approx(expected, rel=1e-5)


def test_an_l1_penalty_pulls_weights_to_zero(images):
    plain, _ = walk(a_run(), images)
    pulled, _ = walk(a_run(loss=Loss(l1=0.05)), images)
    assert pulled.flat.vector.abs().sum() < 0.9 * plain.flat.vector.abs().sum()


@pytest.mark.parametrize("share", [0.5, 0.3])
def test_the_first_share_of_steps_sees_smaller_images(images, share):
    run = a_run(architecture=Fast(width=0.05), small_images=SmallImages(size=20, share=share))
    _, seen = walk(run, images)
    sides = [step.inputs.shape[-1] for step, _, _ in seen]
    small = math.ceil(share * STEPS)
    assert sides == [20] * small + [32] * (STEPS - small)
    inputs, _ = batches_of(run, images).batch(0)
    expected = nn.functional.interpolate(inputs, (20, 20), mode="bilinear", antialias=True)
    assert torch.equal(seen[0][0].inputs, expected)
    whole, _ = batches_of(run, images).batch(STEPS - 1)
    assert torch.equal(seen[-1][0].inputs, whole)


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "squared_error"])
def test_every_loss_is_minimized(images, name):
    run = a_run(loss=Loss(name=name), learning_rate=0.01)
    _, seen = walk(run, images, steps=30)
    found = [step.loss.item() for step, _, _ in seen]
    assert sum(found[-5:]) < 0.95 * sum(found[:5])


def test_mixed_images_are_trained_on_with_both_labels(images):
    run = a_run(augmentation=Augmentation(mixup=0.5))
    _, seen = walk(run, images, steps=3)
    for index, (step, _, _) in enumerate(seen):
        inputs, targets = batches_of(run, images).batch(index)
        assert torch.equal(step.inputs, inputs)
        assert torch.equal(step.labels, targets.argmax(1))
        expected = nn.functional.cross_entropy(step.logits, targets).item()
        assert step.loss.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "architecture",
    [NETWORK, Fast(width=0.05), Compact(width=0.1), Accurate(width=0.05, blocks=1)],
    ids=lambda architecture: architecture.name,
)
def test_muon_moves_filter_banks_and_hidden_matrices_only(architecture):
    model = models.build(architecture, 0)
    optimizer = optimizers.build(MUON, model, 0.05)
    banks, vectors, head = optimizer.param_groups
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(found) == sorted(names)  # each parameter once
    assert [p is model.output_layer.weight for p in head["params"]] == [True]
    assert all(p.ndim > 1 and p.shape[1] > 1 for p in banks["params"])
    filters = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.groups == 1]
    assert {id(conv.weight) for conv in filters} <= {id(p) for p in banks["params"]}
    for parameter in vectors["params"]:
        assert parameter.ndim == 1 or parameter.shape[1] == 1, names[id(parameter)]
    assert [group["lr"] for group in (banks, vectors, head)] == [0.05, 0.02, 0.04]
    assert banks["weight_decay"] == 0
    # What a step takes from a weight is the same share in both, whatever their learning rates.
    for group in (vectors, head):
        assert group["lr"] * group["weight_decay"] == pytest.approx(0.001)
        assert group["momentum"] == MUON.vector_momentum
    assert banks["momentum"] == 0.9


def settings_of(name):
    if name == "muon":
        return MUON
    momentum = {"momentum": 0.9} if name in WITH_MOMENTUM else {}
    return Optimizer(name=name, weight_decay=0.01, **momentum)


@pytest.mark.parametrize("name", get_args(OptimizerName))
def test_every_optimizer_trains_and_goes_on_bitwise(images, name):
    """Saved after the second of four steps; with it the learning rates of its groups."""
    run = a_run(
        optimizer=settings_of(name),
        learning_rate=0.01,
        schedule=Schedule(warmup=0.5, decay="linear"),
    )
    whole, seen = walk(run, images, steps=4)
    half, _ = walk(run, images, steps=4, until=2)
    assert half.step == 2
    resumed, _ = walk(run, images, steps=4, state=reloaded(half, run, images))
    assert_equal(whole, resumed)
    assert whole.flat.vector.isfinite().all()
    moved = [not torch.equal(a[1], b[1]) for a, b in zip(seen, seen[1:], strict=False)]
    assert all(moved)


EVERY_AUGMENTATION = Augmentation(flip="alternating", crop=2, cutout=6, mixup=0.4)
OPTIONS = [
    pytest.param({}, id="plain"),
    pytest.param({"augmentation": EVERY_AUGMENTATION}, id="augmentation"),
    pytest.param({"average_decay": 0.9}, id="average"),
    pytest.param({"optimizer": MUON}, id="muon"),
    pytest.param(
        {"optimizer": Optimizer(name="sgd", momentum=0.9, sharpness_radius=0.1)}, id="SAM"
    ),
    pytest.param({"optimizer": Optimizer(name="adam", sharpness_radius=0.1)}, id="SAM of Adam"),
    pytest.param(
        {"optimizer": MUON.model_copy(update={"sharpness_radius": 0.1})}, id="SAM of Muon"
    ),
    pytest.param(
        {
            "architecture": Fast(width=0.05),
            "small_images": SmallImages(size=16, share=0.6),
            "optimizer": MUON.model_copy(update={"fixed_norm": True}),
            "augmentation": EVERY_AUGMENTATION,
            "schedule": Schedule(warmup=0.2, decay="cosine"),
            "average_decay": 0.9,
            "loss": Loss(label_smoothing=0.2, l1=1e-5),
        },
        id="everything",
    ),
    pytest.param({"architecture": ConvNet(filters=2, neurons=8, dropout=0.5)}, id="dropout"),
]


@pytest.mark.parametrize("options", OPTIONS)
def test_a_run_goes_on_bitwise_from_where_it_was_saved(images, options):
    """In a process whose global random state is another one, as after a kill."""
    run = a_run(**options)
    torch.manual_seed(1)
    whole, seen = walk(run, images)
    torch.manual_seed(1)
    half, _ = walk(run, images, until=4)
    torch.manual_seed(2)
    resumed, rest = walk(run, images, state=reloaded(half, run, images))
    assert_equal(whole, resumed)
    assert [step.index for step, _, _ in rest] == [4, 5, 6, 7]
    losses_seen = [step.loss.item() for step, _, _ in [*seen[4:], *rest]]
    assert losses_seen[:4] == losses_seen[4:]


def test_an_average_that_is_not_saved_is_missed(images):
    """The control: what the comparison would see if a part of the state were left behind."""
    run = a_run(average_decay=0.9)
    whole, _ = walk(run, images)
    half, _ = walk(run, images, until=4)
    resumed = reloaded(half, run, images)
    resumed.average["parameters"].copy_(resumed.flat.vector)
    resumed, _ = walk(run, images, state=resumed)
    with pytest.raises(AssertionError):
        assert_equal(whole, resumed)
