"""The trajectory: it repeats, it learns, it is torch's own, and measuring leaves it alone."""

import copy
import math

import pytest
import torch
from torch import nn

from landscape.config.architectures import Vgg
from landscape.config.recipes import Optimizer
from landscape.config.runs import ProbeSchedule, Run
from landscape.data import dataset
from landscape.data.batches import Batches, get_cifar_loader
from landscape.models import registry as models
from landscape.models.flat_parameters import FlatParameters
from landscape.training.recorder import Recorder
from landscape.training.trajectory import State, trajectory

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def images(results):
    return dataset.load(results / "data", "train")


@pytest.fixture
def run(tiny):
    return tiny.run("bands/vgg_a_bn/lr0.001/seed0")


def walk(run, images, steps=6, observe=None):
    state = State(run, CPU)
    batches = Batches(images, run.batch_size, run.seed)
    recorder = Recorder(run, state, steps) if observe else None
    losses = []
    for step in trajectory(run, state, batches, steps):
        if recorder:
            recorder.observe(step)
        losses.append(step.loss.item())
    return state, losses


@pytest.mark.parametrize("optimizer", [Optimizer(name="adam"), Optimizer(name="sgd", momentum=0.9)])
def test_it_is_a_plain_torch_loop(run, images, optimizer):
    run = run.model_copy(update={"optimizer": optimizer})
    state, losses = walk(run, images)
    model = models.build(run.architecture, run.seed)
    kind = torch.optim.Adam if optimizer.name == "adam" else torch.optim.SGD
    momentum = {} if optimizer.name == "adam" else {"momentum": 0.9}
    reference = kind(model.parameters(), lr=run.learning_rate, **momentum)
    batches = Batches(images, run.batch_size, run.seed)
    for index in range(6):
        inputs, labels = batches.batch(index)
        reference.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        reference.step()
        assert losses[index] == pytest.approx(loss.item(), rel=1e-4)


def test_two_runs_are_bitwise_equal(run, images):
    first, losses = walk(run, images)
    second, again = walk(run, images)
    assert losses == again
    assert torch.equal(first.flat.vector, second.flat.vector)


def test_the_training_loss_falls_below_that_of_guessing(run, images):
    _, losses = walk(run, images, steps=60)
    assert sum(losses[-5:]) / 5 < 0.8 * math.log(10)


MEASURED = {
    "every step": {},
    "no same batch": {"same_batch_every_steps": None},
    "same batch at every step": {"same_batch_every_steps": 1},
    "longer lags": {"gradient_lags": (1, 2, 5)},
    "probed at every step": {"probe": ProbeSchedule(every=1, relative_step_sizes=(0.1, 4))},
    "probed now and then": {"probe": ProbeSchedule(every=4, relative_step_sizes=(1.0,))},
}


@pytest.mark.parametrize("measured", MEASURED)
def test_measuring_leaves_the_trajectory_bitwise_alone(run, images, measured):
    """F24: parameters, buffers, optimizer state and the global random state."""
    torch.manual_seed(11)
    plain, losses = walk(run, images)
    untouched = torch.random.get_rng_state()
    torch.manual_seed(11)
    watched, same = walk(run.model_copy(update=MEASURED[measured]), images, observe=True)
    assert losses == same
    assert torch.equal(torch.random.get_rng_state(), untouched)
    for name, value in plain.model.state_dict().items():
        assert torch.equal(value, watched.model.state_dict()[name]), name
    for index, entries in plain.optimizer.state_dict()["state"].items():
        for name, value in entries.items():
            assert torch.equal(value, watched.optimizer.state_dict()["state"][index][name])


def recorded(run, images, steps=7):
    """Steps as recorded, and the parameters and batch of each."""
    state, batches = State(run, CPU), Batches(images, run.batch_size, run.seed)
    recorder, points = Recorder(run, state, steps), []
    for step in trajectory(run, state, batches, steps):
        recorder.observe(step)
        points.append(state.flat.vector.clone())
    return recorder.steps_table(steps, len(batches)), points, batches


@pytest.mark.parametrize("name", ["vgg_a", "vgg_a_bn"])
def test_same_batch_distance_is_of_one_batch_before_and_after_its_update(run, images, name):
    """Against a second model that is put to both points, in training mode."""
    architecture = Vgg(name=name, width=0.05)
    changes = {"architecture": architecture, "same_batch_every_steps": 2}
    table, points, batches = recorded(run.model_copy(update=changes), images)
    assert table["same_batch_beta"].notna().tolist() == [False, False, *[True, False] * 2, True]
    model = models.build(architecture, run.seed).train()
    flat = FlatParameters(model)
    for i in (2, 4, 6):
        inputs, labels = batches.batch(i)
        gradients = []
        for point in points[i - 1 : i + 1]:
            flat.vector.copy_(point)
            flat.gradient.zero_()
            nn.functional.cross_entropy(model(inputs), labels).backward()
            gradients.append(flat.gradient.double())
        apart = (gradients[1] - gradients[0]).norm().item()
        moved = (points[i].double() - points[i - 1].double()).norm().item()
        row = table.loc[i]
        # On CPUs channels-last BatchNorm errs by 4e-6 a pass, which flips kinks: 1e-3 and no less.
        assert row["same_batch_gradient_distance"] == pytest.approx(apart, rel=1e-3)
        assert row["same_batch_beta"] == pytest.approx(apart / moved, rel=1e-3)
        # What the batch's own noise adds is not in it.
        assert row["same_batch_gradient_distance"] < row["gradient_distance"]


def test_no_update_changes_no_gradient_of_one_batch(run, images):
    """A learning rate below what float32 resolves: the course's distance is all noise then."""
    table, _, _ = recorded(run.model_copy(update={"learning_rate": 1e-30}), images)
    measured = table[table["step"].isin([3, 6])]
    assert (measured["same_batch_gradient_distance"] == 0).all()
    assert (measured["gradient_distance"] > 0).all()


def test_a_measure_that_meddles_is_caught(run, images, monkeypatch):
    """The control: if measuring moved a running average, the test above would see it."""

    def meddle(self, step):
        self.state.model(step.inputs)

    plain, _ = walk(run, images)
    monkeypatch.setattr(Recorder, "observe", meddle)
    watched, _ = walk(run, images, observe=True)
    assert any(
        not torch.equal(value, watched.model.state_dict()[name])
        for name, value in plain.model.state_dict().items()
    )


def test_state_goes_on_bitwise_from_where_it_was_saved(run, images):
    whole, _ = walk(run, images, steps=8)
    half, _ = walk(run, images, steps=4)
    saved = copy.deepcopy(half.state_dict())
    resumed = State(run, CPU)
    resumed.load_state_dict(saved)
    for _ in trajectory(run, resumed, Batches(images, run.batch_size, run.seed), 8):
        pass
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


def test_learning_rates_of_a_seed_share_weights_and_batches(tiny, images):
    runs = [r for r in tiny.runs if r.id.startswith("bands/vgg_a/") and r.seed == 0]
    firsts = [walk(run, images, steps=1)[1][0] for run in runs]
    assert len(runs) == 4
    assert len(set(firsts)) == 1  # the same loss before the first update
    orders = [Batches(images, 32, run.seed).batch(3)[1].tolist() for run in runs]
    assert all(order == orders[0] for order in orders)


def test_an_epoch_shows_every_image_once(images):
    batches = Batches(images, 32, seed=0)
    labels = [batches.batch(step)[1] for step in range(len(batches))]
    assert [len(part) for part in labels] == [32] * 6 + [8]
    assert torch.equal(torch.cat(labels).bincount(), images.labels.bincount())
    assert batches.batch(0)[1].tolist() != batches.batch(len(batches))[1].tolist()


def test_inputs_are_normalized_as_the_course_does(results):
    loader = get_cifar_loader(results / "data", batch_size=50, shuffle=False)
    pixels = dataset.load(results / "data", "train").pixels[:50]
    inputs, _ = next(iter(loader))
    torch.testing.assert_close(inputs, (pixels.float() / 255 - 0.5) / 0.5)


def test_n_items_is_balanced_and_iterates_epochs_anew(results):
    loader = get_cifar_loader(results / "data", batch_size=16, n_items=40)
    first = torch.cat([labels for _, labels in loader])
    second = torch.cat([labels for _, labels in loader])
    assert first.bincount().tolist() == [4] * 10
    assert first.tolist() != second.tolist()


def test_bfloat16_trains_where_the_cpu_has_it(run, images):
    from landscape.runtime import device

    if device.cpu_bfloat16_slowdown() > 10:
        pytest.skip("this CPU has no bfloat16 arithmetic")
    exact, losses = walk(run, images)
    rounded, other = walk(Run(**{**run.model_dump(), "precision": "bfloat16"}), images)
    assert other == pytest.approx(losses, rel=0.1)
    assert other != losses
    assert rounded.flat.vector.dtype == torch.float32
    assert not torch.equal(exact.flat.vector, rounded.flat.vector)
