import pytest
import torch
import torchvision

from landscape import models
from landscape.models import ARCHITECTURES, count_parameters
from landscape.models.vgg import VGG_A, VGG_BatchNorm
from landscape.runs import Architecture

IMAGES = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_parameters_are_the_course_s():
    assert count_parameters(VGG_A()) == 9_750_922
    assert count_parameters(VGG_BatchNorm()) == 9_756_426


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(VGG_A, torchvision.models.vgg11), (VGG_BatchNorm, torchvision.models.vgg11_bn)],
)
def test_features_equal_torchvision_with_the_same_weights(ours, theirs):
    model, reference = ours().features, theirs(weights=None).features
    reference.load_state_dict(model.state_dict())
    with torch.no_grad():
        assert torch.equal(model(IMAGES), reference(IMAGES))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_maps_images_to_logits(name):
    model = models.build(Architecture(name=name, width=0.125), seed=0)
    assert model(IMAGES).shape == (4, 10)


@pytest.mark.parametrize("width", [0.05, 0.3, 1.1])
def test_groups_divide_the_channels_at_any_width(width):
    assert models.build(Architecture(name="vgg_a_gn", width=width), 0)(IMAGES).shape == (4, 10)


def test_width_scales_channels():
    narrow = VGG_A(width=0.5)
    assert narrow.features[0].out_channels == 32
    assert narrow.classifier[0].in_features == 256


def test_initial_weights_are_the_seed_s_whatever_the_normalization():
    def convolutions(name, seed):
        model = models.build(Architecture(name=name, width=0.125), seed)
        return [m.weight for m in model.modules() if isinstance(m, torch.nn.Conv2d)]

    first, same, other = (
        convolutions("vgg_a", 1),
        convolutions("vgg_a_bn", 1),
        convolutions("vgg_a", 2),
    )
    assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_initial_weights_are_glorot_normal():
    weight = models.build(Architecture(name="vgg_a"), seed=0).features[11].weight
    fan_in, fan_out = weight.shape[1] * 9, weight.shape[0] * 9
    assert weight.std().item() == pytest.approx((2 / (fan_in + fan_out)) ** 0.5, rel=0.01)


def test_building_a_model_leaves_the_initial_weights_independent_of_the_global_seed():
    def weights(global_seed):
        torch.manual_seed(global_seed)
        return models.build(Architecture(name="vgg_a_bn", width=0.1), seed=3).state_dict()

    first, second = weights(1), weights(2)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_normalizations_normalize_over_what_they_say():
    x = torch.randn(8, 32, 4, 4, generator=torch.Generator().manual_seed(1)) * 3 + 1
    axes = {"batch": (0, 2, 3), "layer": (1, 2, 3), "instance": (2, 3)}
    for kind, dims in axes.items():
        layer = models.vgg.normalize(kind, 32)
        assert layer(x).mean(dims).abs().max() < 1e-5, kind
        assert (layer(x).std(dims, correction=0) - 1).abs().max() < 1e-3, kind
    grouped = models.vgg.normalize("group", 32)(x).view(8, 2, 16, 4, 4)
    assert grouped.mean((2, 3, 4)).abs().max() < 1e-5
