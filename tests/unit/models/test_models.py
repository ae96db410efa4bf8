"""The networks: their sizes, their references, and that every option does what it says."""

from typing import get_args

import pytest
import torch
import torchvision
from torch import nn

from landscape.config.architectures import (
    Accurate,
    Activation,
    Compact,
    ConvNet,
    Fast,
    Mlp,
    Normalization,
    ResNet18,
    Speedrun,
    Vgg,
)
from landscape.models import accurate, fast
from landscape.models import registry as models
from landscape.models.accurate import Pair
from landscape.models.layers import (
    BatchNorm,
    ConvNorm,
    Residual,
    ShiftNorm,
    SqueezeExcitation,
    Whitening,
    activate,
    normalize,
)
from landscape.models.registry import count_parameters
from landscape.models.vgg import DESIGNS, VGG, VGG_A, VGG_BatchNorm

IMAGES = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_parameters_are_the_course_s():
    assert count_parameters(VGG_A()) == 9_750_922
    assert count_parameters(VGG_BatchNorm()) == 9_756_426


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("vgg_a_bn_fc", 9_758_474),
        ("vgg_a_he", 9_750_922),
        ("vgg_a_smooth", 9_750_922),
        ("vgg_a_bn_smooth", 9_756_426),
        ("vgg_a_bn_fc_smooth", 9_758_474),
        ("vgg_a_he_smooth", 9_750_922),
        ("vgg_19", 20_554_826),
        ("vgg_19_bn_fc", 20_567_882),
    ],
)
def test_parameters_of_the_kin(name, parameters):
    assert count_parameters(VGG(DESIGNS[name])) == parameters


def test_vgg_19_s_features_equal_torchvision_with_the_same_weights():
    model, reference = (
        VGG(DESIGNS["vgg_19"]).features,
        torchvision.models.vgg19(weights=None).features,
    )
    reference.load_state_dict(model.state_dict())
    with torch.no_grad():
        assert torch.equal(model(IMAGES), reference(IMAGES))


def kinds(name):
    model = models.build(Vgg(name=name, width=0.05), 0)
    parts = (*model.features, *model.classifier)
    return [type(part).__name__ for part in parts]


@pytest.mark.parametrize("name", ["vgg_a", "vgg_a_bn", "vgg_a_bn_fc", "vgg_a_he"])
def test_a_smooth_twin_differs_in_activation_and_pooling_alone(name):
    smooth = {"ReLU": "GELU", "MaxPool2d": "AvgPool2d"}
    assert kinds(f"{name}_smooth") == [smooth.get(kind, kind) for kind in kinds(name)]
    pair = [models.build(Vgg(name=n, width=0.05), 3) for n in (name, f"{name}_smooth")]
    own, twin = (model.state_dict() for model in pair)
    assert all(torch.equal(own[key], twin[key]) for key in own)


def test_batch_norm_in_the_head_is_before_every_activation():
    assert kinds("vgg_a_bn").count("BatchNorm1d") == 0
    found = kinds("vgg_a_bn_fc")
    assert found.count("BatchNorm1d") == 2
    norms = [i for i, kind in enumerate(found) if kind.startswith("BatchNorm")]
    assert [found[i + 1] for i in norms] == ["ReLU"] * 10
    assert found.count("ReLU") == 10


@pytest.mark.parametrize("name", ["vgg_a_he", "vgg_a_he_smooth"])
def test_he_s_initial_weights_have_twice_the_inverse_inputs_for_variance(name):
    model = models.build(Vgg(name=name), 0)
    for layer in (model.features[11], model.classifier[0]):
        inputs = layer.weight[0].numel()
        assert layer.weight.std().item() == pytest.approx((2 / inputs) ** 0.5, rel=0.01)
        assert not layer.bias.any()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(VGG_A, torchvision.models.vgg11), (VGG_BatchNorm, torchvision.models.vgg11_bn)],
)
def test_features_equal_torchvision_with_the_same_weights(ours, theirs):
    model, reference = ours().features, theirs(weights=None).features
    reference.load_state_dict(model.state_dict())
    with torch.no_grad():
        assert torch.equal(model(IMAGES), reference(IMAGES))


@pytest.mark.parametrize("name", DESIGNS)
def test_every_architecture_maps_images_to_logits(name):
    model = models.build(Vgg(name=name, width=0.125), seed=0)
    assert model(IMAGES).shape == (4, 10)


@pytest.mark.parametrize("width", [0.05, 0.3, 1.1])
def test_groups_divide_the_channels_at_any_width(width):
    assert models.build(Vgg(name="vgg_a_gn", width=width), 0)(IMAGES).shape == (4, 10)


def test_width_scales_channels():
    narrow = VGG_A(width=0.5)
    assert narrow.features[0].out_channels == 32
    assert narrow.classifier[0].in_features == 256


def test_initial_weights_are_the_seed_s_whatever_the_normalization():
    def convolutions(name, seed):
        model = models.build(Vgg(name=name, width=0.125), seed)
        return [m.weight for m in model.modules() if isinstance(m, torch.nn.Conv2d)]

    first, same, other = (
        convolutions("vgg_a", 1),
        convolutions("vgg_a_bn", 1),
        convolutions("vgg_a", 2),
    )
    assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_initial_weights_are_glorot_normal():
    weight = models.build(Vgg(name="vgg_a"), seed=0).features[11].weight
    fan_in, fan_out = weight.shape[1] * 9, weight.shape[0] * 9
    assert weight.std().item() == pytest.approx((2 / (fan_in + fan_out)) ** 0.5, rel=0.01)


def test_building_a_model_leaves_the_initial_weights_independent_of_the_global_seed():
    def weights(global_seed):
        torch.manual_seed(global_seed)
        return models.build(Vgg(name="vgg_a_bn", width=0.1), seed=3).state_dict()

    first, second = weights(1), weights(2)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_normalizations_normalize_over_what_they_say():
    x = torch.randn(8, 32, 4, 4, generator=torch.Generator().manual_seed(1)) * 3 + 1
    axes = {"batch": (0, 2, 3), "layer": (1, 2, 3), "instance": (2, 3)}
    for kind, dims in axes.items():
        layer = normalize(kind, 32)
        assert layer(x).mean(dims).abs().max() < 1e-5, kind
        assert (layer(x).std(dims, correction=0) - 1).abs().max() < 1e-3, kind
    grouped = normalize("group", 32)(x).view(8, 2, 16, 4, 4)
    assert grouped.mean((2, 3, 4)).abs().max() < 1e-5


DEFAULTS = [Mlp(), ConvNet(), Compact(), Fast(), Accurate(), Speedrun(), ResNet18()]
SMALL = [
    Vgg(name="vgg_a_bn", width=0.05),
    Mlp(neurons=1, hidden_layers=1),
    ConvNet(filters=1, neurons=1),
    ConvNet(filters=2, neurons=3, residual=True, normalization="group", dropout=0.5),
    Compact(width=0.1),
    Compact(width=0.1, depthwise=False, squeeze_excitation=False, residual=False),
    Fast(width=0.05),
    Fast(width=0.05, whitening=False, residual=False),
    Accurate(width=0.05, blocks=1),
    Accurate(width=0.05, blocks=3),
    Speedrun(),
]


def named(architectures):
    return pytest.mark.parametrize("architecture", architectures, ids=repr)


def of_kind(architecture, kind):
    return [m for m in models.build(architecture, 0).modules() if isinstance(m, kind)]


def shapes(architecture, sides=(32,), classes=10):
    """Output shapes for images of these sides, found without computing."""
    model = models.build(architecture, 0, classes).to("meta")
    return [tuple(model(torch.empty(2, 3, s, s, device="meta")).shape) for s in sides]


@named([*DEFAULTS, *SMALL])
def test_every_family_maps_images_to_logits(architecture):
    assert shapes(architecture) == [(2, 10)]
    assert shapes(architecture, classes=3) == [(2, 3)]


@named([*DEFAULTS, *SMALL])
def test_every_weight_is_saved_under_one_name(architecture):
    model = models.build(architecture, 0)
    named = [*model.named_parameters(), *model.named_buffers()]
    constant = {name for name, _ in named if name.endswith(".ones")}  # a shift's scale
    assert sorted(model.state_dict()) == sorted({name for name, _ in named} - constant)


@named(SMALL)
def test_every_parameter_is_trained(architecture):
    model = models.build(architecture, 0, sample=IMAGES)
    nn.functional.cross_entropy(model(IMAGES), torch.arange(4)).backward()
    untouched = [name for name, p in model.named_parameters() if p.grad is None]
    assert not untouched
    assert all(p.grad.isfinite().all() for p in model.parameters())
    assert model.output_layer.weight.grad.abs().sum() > 0
    assert model.output_layer is [m for m in model.modules() if isinstance(m, nn.Linear)][-1]


@pytest.mark.parametrize(
    ("architecture", "least", "most"),
    [
        (Compact(), 100_000, 300_000),
        (Fast(), 1_500_000, 2_600_000),
        (Accurate(), 9_000_000, 10_000_000),
        (Speedrun(), 1_971_352, 1_971_352),
        (ResNet18(), 11_173_962, 11_173_962),
    ],
    ids=repr,
)
def test_parameters_are_within_the_budget(architecture, least, most):
    assert least <= count_parameters(models.build(architecture, 0)) <= most


def test_parameters_of_the_plain_families_are_their_closed_forms():
    mlp = 3072 * 7 + 7 + 2 * (7 * 7 + 7) + 7 * 10 + 10
    assert count_parameters(models.build(Mlp(neurons=7, hidden_layers=3), 0)) == mlp
    convolutions = sum(9 * i * o for i, o in [(3, 4), (4, 4), (4, 8), (8, 8), (8, 16), (16, 16)])
    norms = 2 * 2 * (4 + 8 + 16)
    dense = 16 * 16 * 5 + 5 + 5 * 10 + 10
    found = count_parameters(models.build(ConvNet(filters=4, neurons=5), 0))
    assert found == convolutions + norms + dense


@named(SMALL)
def test_a_seed_fixes_the_weights_and_the_global_state_does_not(architecture):
    def weights(seed, global_seed):
        torch.manual_seed(global_seed)
        return models.build(architecture, seed, sample=IMAGES).state_dict()

    first, second, other = weights(1, 0), weights(1, 1), weights(2, 0)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_a_residual_network_starts_from_the_same_weights():
    plain, residual = (models.build(ConvNet(residual=r), 3).parameters() for r in (False, True))
    assert all(torch.equal(a, b) for a, b in zip(plain, residual, strict=True))


def test_hidden_layers_start_he_normal_and_biases_at_zero():
    hidden = models.build(Mlp(), 0).hidden[0]
    assert hidden.weight.std().item() == pytest.approx((2 / 3072) ** 0.5, rel=0.01)
    assert not hidden.bias.any()


@pytest.mark.parametrize("activation", get_args(Activation))
def test_an_activation_is_torch_s_and_is_used_everywhere(activation):
    x = torch.linspace(-3, 3, 50)
    assert torch.equal(activate(activation)(x), getattr(nn.functional, activation)(x))
    kind = type(activate(activation))
    others = tuple({type(activate(other)) for other in get_args(Activation)} - {kind})
    for settings in (
        Mlp(neurons=8, activation=activation),
        ConvNet(filters=2, neurons=2, activation=activation),
        Compact(width=0.1, activation=activation),
        Fast(width=0.1, activation=activation),
        Accurate(width=0.1, activation=activation),
    ):
        modules = list(models.build(settings, 0).modules())
        assert any(isinstance(module, kind) for module in modules)
        assert not any(isinstance(module, others) for module in modules)


@pytest.mark.parametrize("normalization", get_args(Normalization))
def test_convnet_is_normalized_as_it_says(normalization):
    settings = ConvNet(filters=8, neurons=4, normalization=normalization)
    kinds = {
        "none": (),
        "batch": nn.BatchNorm2d,
        "layer": nn.GroupNorm,
        "group": nn.GroupNorm,
        "instance": nn.InstanceNorm2d,
    }
    found = of_kind(settings, (nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d))
    assert len(found) == (0 if normalization == "none" else 6)
    assert all(isinstance(norm, kinds[normalization]) for norm in found)
    biased = [conv.bias is not None for conv in of_kind(settings, nn.Conv2d)]
    assert biased == [normalization == "none"] * 6


def test_options_change_what_they_say():
    def count(architecture, kind):
        return len(of_kind(architecture, kind))

    assert [d.p for d in of_kind(Mlp(dropout=0.3, hidden_layers=3), nn.Dropout)] == [0.3] * 3
    assert [d.p for d in of_kind(ConvNet(dropout=0.3), nn.Dropout)] == [0.3]
    assert count(ConvNet(residual=True), Residual) == 3
    assert count(Compact(), SqueezeExcitation) == count(Compact(), Residual) > 0
    assert count(Compact(squeeze_excitation=False), SqueezeExcitation) == 0
    assert count(Compact(residual=False), Residual) == 0
    assert any(conv.groups > 1 for conv in of_kind(Compact(), nn.Conv2d))
    assert all(conv.groups == 1 for conv in of_kind(Compact(depthwise=False), nn.Conv2d))
    assert count(Fast(), Whitening) == 1
    assert count(Fast(whitening=False), Whitening) == 0
    assert [count(Accurate(blocks=blocks), Pair) for blocks in (1, 2, 4)] == [3, 6, 12]


@pytest.mark.parametrize("family", [Compact, Fast, Accurate])
def test_width_is_a_factor_on_the_parameters_root(family):
    whole = count_parameters(models.build(family(), 0))
    half = count_parameters(models.build(family(width=0.5), 0))
    assert half == pytest.approx(whole / 4, rel=0.15)


def test_accurate_with_a_pair_a_stage_is_fast_with_the_same_weights(monkeypatch):
    """So that it differs from the network that was measured in width and depth alone."""
    monkeypatch.setattr(accurate, "CHANNELS", fast.CHANNELS)
    one = models.build(Accurate(width=0.1, blocks=1), 3, sample=IMAGES).eval()
    other = models.build(Fast(width=0.1), 3, sample=IMAGES).eval()
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert torch.equal(one(IMAGES), other(IMAGES))
    deeper = models.build(Accurate(width=0.1, blocks=2), 3, sample=IMAGES).eval()
    assert not torch.equal(deeper(IMAGES), other(IMAGES))


def test_compact_s_blocks_are_of_about_the_same_size_without_depthwise():
    plain = count_parameters(models.build(Compact(depthwise=False), 0))
    assert plain == pytest.approx(count_parameters(models.build(Compact(), 0)), rel=0.2)


@named([Compact(width=0.1), Accurate(width=0.05, blocks=1), ResNet18(), Fast(width=0.05)])
def test_networks_with_a_global_pooling_take_smaller_images(architecture):
    """Odd sides too: a shortcut's pooling and a convolution's stride round alike."""
    assert set(shapes(architecture, sides=range(16, 32))) == {(2, 10)}


def test_resnet18_equals_torchvision_s_with_the_same_weights():
    """In its form for small images: a stem of 3×3 and no pooling before the stages."""
    model = models.build(ResNet18(), 0).eval()
    reference = torchvision.models.resnet18(num_classes=10)
    reference.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    reference.maxpool = nn.Identity()
    ours, theirs = model.state_dict(), reference.state_dict()
    assert [v.shape for v in ours.values()] == [v.shape for v in theirs.values()]
    reference.load_state_dict(dict(zip(theirs, ours.values(), strict=True)))
    with torch.no_grad():
        assert torch.equal(model(IMAGES), reference.eval()(IMAGES))


def test_squeeze_excitation_equals_torchvision_s_with_the_same_weights():
    ours, theirs = SqueezeExcitation(16, 4), torchvision.ops.SqueezeExcitation(16, 4)
    renamed = {"squeeze": "fc1", "excite": "fc2"}
    for name, layer in renamed.items():
        theirs.get_submodule(layer).load_state_dict(ours.get_submodule(name).state_dict())
    x = torch.randn(3, 16, 5, 7, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(ours(x), theirs(x))


def test_a_residual_block_is_its_input_plus_its_inside():
    inner = nn.Conv2d(4, 4, 3, padding=1)
    x = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(2))
    assert torch.equal(Residual(inner, 4, 4)(x), x + inner(x))
    strided = nn.Conv2d(4, 4, 3, stride=2, padding=1)
    expected = x.unfold(2, 2, 2).unfold(3, 2, 2).mean((4, 5)) + strided(x)
    torch.testing.assert_close(Residual(strided, 4, 4, stride=2)(x), expected)
    wider = Residual(nn.Conv2d(4, 7, 3, padding=1), 4, 7)
    assert isinstance(wider.shortcut[0], ConvNorm)
    assert torch.equal(wider(x), wider.shortcut(x) + wider.inner(x))
    odd = x[:, :, :5, :5]  # the last row's average is over what is there
    pooled = Residual(strided, 4, 4, stride=2).shortcut(odd)
    torch.testing.assert_close(pooled[:, :, 2, 2], odd[:, :, 4, 4])
    torch.testing.assert_close(pooled[:, :, 2, 0], odd[:, :, 4, :2].mean(2))


def test_shift_norm_is_a_batch_norm_of_scale_one():
    ours, theirs = ShiftNorm(4), nn.BatchNorm2d(4, momentum=0.4)
    shift = torch.tensor([0.5, -1, 0, 2])
    x = torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(2)) * 3 + 1
    with torch.no_grad():
        ours.bias.copy_(shift)
        theirs.bias.copy_(shift)
    assert [name for name, _ in ours.named_parameters()] == ["bias"]
    for _ in range(3):
        torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_the_scale_of_a_shift_norm_is_there_but_neither_learned_nor_saved(monkeypatch):
    """On CUDA the backward pass of torch's batch_norm fails with a bias and no weight."""
    given = []
    batch_norm = nn.functional.batch_norm
    monkeypatch.setattr(
        nn.functional, "batch_norm", lambda *args: given.append(args[3]) or batch_norm(*args)
    )
    layer = ShiftNorm(4)
    layer(torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(2)))
    assert torch.equal(given[0], torch.ones(4))
    assert not given[0].requires_grad
    assert set(layer.state_dict()) == {"bias", *STATISTICS}
    plain = nn.BatchNorm2d(4).state_dict()
    assert set(plain) == {"weight", "bias", *STATISTICS}  # what torch saves


def test_batch_norm_is_torch_s_bit_for_bit_but_does_not_count_its_batches():
    ours, theirs = BatchNorm(4), nn.BatchNorm2d(4)
    for step in range(3):
        x = torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(step))
        assert torch.equal(ours(x), theirs(x))
    assert torch.equal(ours.running_var, theirs.running_var)
    assert torch.equal(ours.eval()(x), theirs.eval()(x))
    assert (int(ours.num_batches_tracked), int(theirs.num_batches_tracked)) == (0, 3)
    theirs.load_state_dict(ours.state_dict())


STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def natural(count=64):
    """Images whose neighbouring pixels are alike, as in photographs, and brighter than grey."""
    source = torch.Generator().manual_seed(3)
    coarse = torch.randn(count, 3, 8, 8, generator=source)
    smooth = nn.functional.interpolate(coarse, scale_factor=4, mode="bilinear")
    return 0.5 * smooth + 0.1 * torch.randn(count, 3, 32, 32, generator=source) + 0.3


def test_fitted_whitening_leaves_uncorrelated_outputs_of_mean_square_one():
    layer, sample = Whitening(), natural()
    layer.fit(sample)
    outputs = layer(sample).detach().transpose(0, 1).flatten(1).double()  # [24, patches]
    moments = outputs @ outputs.T / outputs.shape[1]
    eye = torch.eye(12, dtype=torch.float64)
    # λ/(λ + 0.0005) on the diagonal, of which the smallest λ is about that of the noise, 0.01.
    torch.testing.assert_close(moments[:12, :12], eye, rtol=0, atol=0.1)
    patches = torch.nn.functional.unfold(sample, 2).transpose(1, 2).flatten(0, 1).double()
    values = torch.linalg.eigvalsh(patches.T @ patches / len(patches)).flip(0)
    expected = values / (values + 0.0005)
    torch.testing.assert_close(moments[:12, :12].diagonal(), expected, rtol=1e-4, atol=0)
    assert (moments[:12, :12].diagonal() <= 1).all()
    assert torch.equal(layer.filters[12:], -layer.filters[:12])
    off = moments[:12, :12] - moments[:12, :12].diagonal().diag()
    assert off.abs().max() < 1e-3
    before = natural().unfold(2, 2, 1).unfold(3, 2, 1)  # the control: they were correlated
    patches = before.permute(1, 4, 5, 0, 2, 3).flatten(0, 2).flatten(1).double()
    raw = torch.corrcoef(patches)
    assert (raw - torch.eye(12)).abs().max() > 0.5


def test_whitening_learns_its_bias_only():
    model = models.build(Fast(width=0.05), 0, sample=natural())
    assert dict(model.stem.named_parameters()).keys() == {"bias"}
    assert model.stem.filters.any()
    assert "stem.filters" in model.state_dict()
    assert not models.build(Fast(width=0.05), 0).stem.filters.any()


@named([Speedrun(), Fast()])
def test_convolutions_start_by_passing_on_their_input(architecture):
    model = models.build(architecture, 0)
    x = torch.randn(2, 256, 5, 5, generator=torch.Generator().manual_seed(2))
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) >= 6
    for conv in convolutions:
        inputs = x[:, : conv.in_channels]
        passed = min(conv.in_channels, conv.out_channels)
        outputs = conv(inputs).detach()
        torch.testing.assert_close(outputs[:, :passed], inputs[:, :passed])
        rest = conv.weight[conv.in_channels :]
        if len(rest):
            bound = conv.weight[0].numel() ** -0.5
            assert rest.abs().max() <= bound
            assert rest.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)
    assert model.output_layer.weight.std().item() == pytest.approx(1)
