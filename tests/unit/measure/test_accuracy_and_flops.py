"""Loss, accuracy and test-time augmentation against naive twins; FLOPs against closed forms."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from landscape.config.architectures import Compact, ConvNet, Fast, Mlp, Vgg
from landscape.config.study import load_study
from landscape.data.batches import Batches, normalized
from landscape.data.dataset import Images
from landscape.measure.accuracy import evaluate, once, predictions, six_views
from landscape.measure.flops import forward_flops, training_flops
from landscape.models import registry as models
from landscape.models.flat_parameters import FlatParameters
from landscape.training.job import Job
from support.artefacts import ROOT

COUNT = 23


@pytest.fixture(scope="module")
def images():
    source = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (COUNT, 3, 32, 32), dtype=torch.uint8, generator=source)
    return Images(pixels, torch.randint(0, 10, (COUNT,), generator=source))


@pytest.fixture
def model():
    """With running averages that are not those of the start, and with dropout."""
    model = models.build(ConvNet(filters=2, neurons=4, dropout=0.5), 0)
    with torch.no_grad():
        model(2 * torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(1)) + 1)
    return model.train()


def naive(model, images, views=lambda image: [(1.0, image)]):
    """Image by image: the weighted mean of the logits of its views, cross-entropy, a hit or not."""
    model = copy.deepcopy(model).eval()
    losses, hits, logits = [], [], []
    for image, label in zip(normalized(images.pixels), images.labels.tolist(), strict=True):
        with torch.no_grad():
            mean = sum(weight * model(view[None])[0] for weight, view in views(image))
        losses.append(-mean.log_softmax(0)[label].item())
        hits.append(mean.argmax().item() == label)
        logits.append(mean)
    return sum(losses) / len(losses), sum(hits) / len(hits), torch.stack(logits)


def explicit_views(image):
    """The image and its mirror image by a quarter each; both shifted by one pixel by an eighth."""
    padded = nn.functional.pad(image[None], (1, 1, 1, 1), mode="reflect")[0]
    up_left, down_right = padded[:, :32, :32], padded[:, 2:, 2:]
    assert torch.equal(up_left[:, 1:, 1:], image[:, :-1, :-1])
    assert torch.equal(down_right[:, :-1, :-1], image[:, 1:, 1:])
    weighted = [(1 / 4, image), (1 / 8, up_left), (1 / 8, down_right)]
    return weighted + [(weight, view.flip(2)) for weight, view in weighted]


@pytest.mark.parametrize(
    ("predict", "views"),
    [(once, lambda image: [(1.0, image)]), (six_views, explicit_views)],
    ids=["once", "six views"],
)
def test_numbers_equal_their_naive_twin(model, images, predict, views):
    loss, accuracy, logits = naive(model, images, views)
    batches = Batches(images, 10)  # the last of which is smaller
    assert evaluate(model, batches, predict) == pytest.approx((loss, accuracy), rel=1e-5)
    torch.testing.assert_close(predictions(model, batches, predict), logits)


def test_the_weights_of_the_views_add_up_to_one(images):
    assert sum(weight for weight, _ in explicit_views(normalized(images.pixels)[0])) == 1

    class Constant(nn.Module):
        def forward(self, x):
            return torch.ones(len(x), 10)

    assert torch.equal(six_views(Constant(), torch.zeros(2, 3, 32, 32)), torch.ones(2, 10))


@pytest.mark.parametrize("predict", [once, six_views])
def test_evaluating_changes_nothing(model, images, predict):
    before = copy.deepcopy(model.state_dict())
    torch.manual_seed(3)
    state = torch.random.get_rng_state()
    first = evaluate(model, Batches(images, 10), predict)
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert evaluate(model, Batches(images, 10), predict) == first
    model.eval()
    assert evaluate(model, Batches(images, 10), predict) == first
    assert not model.training


def test_the_mode_is_restored_when_a_prediction_fails(model, images):
    def broken(model, inputs):
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        evaluate(model, Batches(images, 10), broken)
    assert model.training


def test_no_graph_is_kept(model, images):
    assert not predictions(model, Batches(images, 10)).requires_grad


def test_shuffled_batches_are_refused(model, images):
    """Their labels would be those of other images."""
    with pytest.raises(ValueError, match="seed"):
        evaluate(model, Batches(images, 10, seed=0))


def one_layer(layer):
    """A network of one layer that takes images of 3 channels."""
    return nn.Sequential(layer)


def test_flops_of_a_convolution_are_its_closed_form():
    """2 · kernel² · inputs/groups · outputs · places; a multiplication and an addition are two."""
    assert forward_flops(one_layer(nn.Conv2d(3, 8, 3, padding=1))) == 2 * 9 * 3 * 8 * 32 * 32
    strided = nn.Conv2d(3, 8, 5, stride=2, bias=False)
    assert forward_flops(one_layer(strided)) == 2 * 25 * 3 * 8 * 14 * 14
    depthwise = nn.Conv2d(3, 6, 3, padding=1, groups=3)
    assert forward_flops(one_layer(depthwise)) == 2 * 9 * 6 * 32 * 32


def test_flops_of_linear_layers_are_their_closed_form():
    flops = 2 * (3072 * 7 + 7 * 7 + 7 * 10)
    assert forward_flops(models.build(Mlp(neurons=7, hidden_layers=2), 0)) == flops


def test_flops_of_vgg_a_are_those_of_its_layers():
    """117.7 GFLOP for a training step of 128 images."""
    plan = [(3, 64, 32), (64, 128, 16), (128, 256, 8), (256, 256, 8), (256, 512, 4)]
    plan += [(512, 512, 4), (512, 512, 2), (512, 512, 2)]
    forward = sum(2 * 9 * i * o * side**2 for i, o, side in plan)
    forward += 2 * (512 * 512 + 512 * 512 + 512 * 10)
    model = models.build(Vgg(name="vgg_a"), 0)
    assert forward_flops(model) == forward
    assert training_flops(model) == 3 * forward
    assert 128 * training_flops(model) / 1e9 == pytest.approx(117.7, abs=0.05)


def test_smaller_images_cost_less():
    """By the number of pixels, where every layer is a convolution."""
    conv = one_layer(nn.Conv2d(3, 8, 3, padding=1))
    assert forward_flops(conv, 16) * 4 == forward_flops(conv, 32)
    fast = models.build(Fast(width=0.1), 0)
    assert forward_flops(fast, 16) < forward_flops(fast, 24) < forward_flops(fast)


def test_the_whitening_costs_but_is_not_learned():
    without, fitted = (models.build(Fast(width=0.1, whitening=w), 0) for w in (False, True))
    assert forward_flops(without) == forward_flops(fitted)


def test_counting_leaves_the_model_alone():
    """Its mode, its weights' memory, and the views of a flat vector."""
    model = models.build(Compact(width=0.1), 0).train()
    flat = FlatParameters(model)
    addresses = [p.data_ptr() for p in model.parameters()]
    before, buffers = flat.vector.clone(), copy.deepcopy(dict(model.named_buffers()))
    assert forward_flops(model) == forward_flops(model)
    assert model.training
    assert [p.data_ptr() for p in model.parameters()] == addresses
    assert torch.equal(flat.vector, before)
    assert all(torch.equal(buffers[name], b) for name, b in model.named_buffers())


@pytest.mark.parametrize(
    ("name", "petaflops", "parameters", "most"),
    [
        ("fast", 0.286, 2_487_832, (0.29, 2_500_000)),
        ("narrow", 0.206, 290_937, (0.6, 300_000)),
        ("middle", 1.360, 4_865_053, (1.4, 5_000_000)),
        ("accurate", 3.043, 9_898_776, (3.1, 10_000_000)),
        ("resnet18", 9.8, 11_173_962, (10, 12_000_000)),
    ],
)
def test_the_final_networks_cost_what_config_yaml_says(name, petaflops, parameters, most):
    """All operations of a training on CIFAR-10, as run.json counts them, and its parameters."""
    run = load_study([ROOT / "config.yaml"]).run(f"network/final/{name}/seed0")
    images = 50_000 - run.split.validation_images
    whole, rest = divmod(images, run.batch_size)
    sizes = np.array([run.batch_size] * whole + [rest] * (rest > 0))
    model = models.build(run.architecture, 0)
    job = SimpleNamespace(run=run, steps=len(sizes) * run.epochs, flops={})
    job.batch_sizes, job.state = (lambda: sizes), SimpleNamespace(model=model)
    job._flops_of_an_image = lambda side=32: Job._flops_of_an_image(job, side)
    counted = Job.train_flops(job, job.steps) / 1e15
    assert counted == pytest.approx(petaflops, rel=0.005)
    assert counted <= most[0]
    assert models.count_parameters(model) == parameters <= most[1]
