"""The table of a network's layers: in order, complete, and with the right numbers."""

import copy

import pytest
import torch
from torch import nn

from landscape.config.architectures import (
    Accurate,
    Compact,
    ConvNet,
    Fast,
    Mlp,
    ResNet18,
    Speedrun,
    Vgg,
)
from landscape.measure.flops import forward_flops
from landscape.measure.layer_costs import COLUMNS, layers
from landscape.models import registry as models
from landscape.models.compact import STAGES
from landscape.models.flat_parameters import FlatParameters
from landscape.models.registry import count_parameters
from landscape.models.vgg import DESIGNS

ALL = [
    *[Vgg(name=name, width=0.1) for name in DESIGNS],
    Mlp(neurons=8, dropout=0.1),
    ConvNet(filters=2, neurons=4),
    ConvNet(filters=2, neurons=4, residual=True, normalization="none"),
    Compact(width=0.2),
    Compact(width=0.2, depthwise=False),
    Fast(width=0.1),
    Fast(width=0.1, whitening=False, residual=False),
    Accurate(width=0.1),
    Speedrun(),
    ResNet18(),
]


@pytest.mark.parametrize("architecture", ALL, ids=repr)
def test_the_columns_add_up_without_a_remainder(architecture):
    model = models.build(architecture, 0)
    table = layers(model)
    assert list(table.columns) == COLUMNS
    assert table["parameters"].sum() == count_parameters(model)
    assert table["flops"].sum() == forward_flops(model)
    assert "other" not in set(table["kind"])
    assert table["layer"].is_unique
    words = set(table["kind"])
    assert all(word == word.lower() for word in words), words
    assert table.iloc[-1]["output_shape"] == "10"


def test_a_small_network_row_by_row():
    table = layers(models.build(ConvNet(filters=2, neurons=5), 0))
    rows = [tuple(row) for row in table.itertuples(index=False)]
    assert rows[:4] == [
        ("features.0.0", "convolution", "2×32×32", 54, 2 * 54 * 1024),
        ("features.0.1", "normalization", "2×32×32", 4, 0),
        ("features.1", "activation", "2×32×32", 0, 0),
        ("features.2.0", "convolution", "2×32×32", 36, 2 * 36 * 1024),
    ]
    assert rows[5:7] == [
        ("features.3", "activation", "2×32×32", 0, 0),
        ("features.4", "pooling", "2×16×16", 0, 0),
    ]
    assert rows[-4:] == [
        ("classifier.0", "linear", "5", 8 * 16 * 5 + 5, 2 * 8 * 16 * 5),
        ("classifier.1", "activation", "5", 0, 0),
        ("classifier.2", "dropout", "5", 0, 0),
        ("output_layer", "linear", "10", 5 * 10 + 10, 2 * 5 * 10),
    ]


class Backwards(nn.Module):
    """Runs its layers against the order in which they are registered."""

    def __init__(self):
        super().__init__()
        self.last, self.first = nn.Conv2d(4, 5, 1), nn.Conv2d(3, 4, 1)

    def forward(self, x):
        return self.last(self.first(x))


def test_layers_stand_in_the_order_in_which_they_run():
    assert list(layers(Backwards())["layer"]) == ["first", "last"]


def test_a_depthwise_convolution_is_called_one():
    table = layers(models.build(Compact(width=0.2), 0))
    wide = table[table["kind"] == "depthwise convolution"].iloc[0]
    channels = int(wide["output_shape"].split("×")[0])
    assert wide["parameters"] == 9 * channels


def test_attention_is_one_row_and_an_empty_shortcut_is_none():
    table = layers(models.build(Compact(width=0.2), 0)).set_index("layer")
    attention = table[table["kind"] == "attention"]
    blocks = sum(count for _, count in STAGES)
    assert len(attention) == blocks
    assert not [name for name in table.index if "squeeze" in name or "excite" in name]
    assert not [name for name in table.index if name.endswith("shortcut")]


def test_the_whitening_s_fixed_filters_are_no_parameters():
    table = layers(models.build(Speedrun(), 0)).set_index("layer")
    assert tuple(table.loc["stem"]) == ("whitening", "24×31×31", 24, 2 * 12 * 24 * 31 * 31)
    assert table.loc["scale", "kind"] == "scale"


def test_the_side_of_the_images_is_in_shapes_and_flops():
    model = models.build(Fast(width=0.1), 0)
    small = layers(model, side=16)
    assert small.iloc[0]["output_shape"] == "24×15×15"
    assert small["flops"].sum() == forward_flops(model, 16)


class Meddled(nn.Module):
    """Computes beside its layers, has a parameter of its own, and runs one layer twice."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.unused = nn.Linear(4, 5)
        self.matrix = nn.Parameter(torch.zeros(3, 7))

    def forward(self, x):
        return self.conv(self.conv(x)).mean((2, 3)) @ self.matrix


def test_what_no_layer_accounts_for_is_a_row_of_its_own():
    model = Meddled()
    table = layers(model)
    assert list(table["kind"]) == ["convolution", "other"]
    assert list(table["flops"]) == [2 * 2 * 81 * 1024, 2 * 3 * 7]
    assert list(table["parameters"]) == [84, 25 + 21]
    assert table["parameters"].sum() == count_parameters(model)
    assert table["flops"].sum() == forward_flops(model)


def test_a_layer_without_a_word_has_its_class_s_name():
    assert list(layers(nn.Sequential(nn.Conv2d(3, 4, 1), nn.Softmax(1)))["kind"]) == [
        "convolution",
        "Softmax",
    ]


def test_looking_leaves_the_model_alone():
    model = models.build(Compact(width=0.2), 0).train()
    flat = FlatParameters(model)
    before = copy.deepcopy(model.state_dict())
    first = layers(model)
    assert first.equals(layers(model))
    assert model.training
    assert all(not module._forward_hooks for module in model.modules())
    assert all(not module._forward_pre_hooks for module in model.modules())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert flat.vector.device.type == "cpu"
