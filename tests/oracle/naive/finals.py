"""The final networks, from their settings."""

import torch
from torch import nn

from oracle.naive.frame import Network, conv_norm, times
from oracle.naive.layers import ACTIVATIONS, Add, ShiftNorm, SqueezeExcitation, Times, Whitening


def average(x):
    return x.mean((2, 3))


def largest(x):
    return x.amax((2, 3))


def conv(inputs, outputs, kernel=3, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


def speedrun(settings):
    layers, inputs = [nn.GELU()], 24
    for outputs in (64, 256, 256):
        layers += [conv(inputs, outputs), nn.MaxPool2d(2), ShiftNorm(outputs, 0.4), nn.GELU()]
        layers += [conv(outputs, outputs), ShiftNorm(outputs, 0.4), nn.GELU()]
        inputs = outputs
    return _sprint(Whitening(), layers, inputs)


class FastStage(nn.Module):
    def __init__(self, inputs, outputs, act, residual):
        super().__init__()
        self.residual = residual
        first = [conv(inputs, outputs), nn.MaxPool2d(2), ShiftNorm(outputs, 0.1), act()]
        self.enter = nn.Sequential(*first)
        second = [conv(outputs, outputs), ShiftNorm(outputs, 0.1), act()]
        self.inner = nn.Sequential(*second, conv(outputs, outputs), ShiftNorm(outputs, 0.1))
        self.leave = act()

    def forward(self, x):
        x = self.enter(x)
        return self.leave(x + self.inner(x) if self.residual else self.inner(x))


def fast(settings):
    act = ACTIVATIONS[settings["activation"]]
    stem = Whitening()
    if not settings["whitening"]:
        stem = nn.Sequential(nn.Conv2d(3, 24, 2, bias=False), ShiftNorm(24, 0.1))
    layers, inputs = [act()], 24
    for outputs in (times(count, settings["width"]) for count in (64, 192, 256)):
        layers.append(FastStage(inputs, outputs, act, settings["residual"]))
        inputs = outputs
    return _sprint(stem, layers, inputs)


def _sprint(stem, layers, channels):
    head = nn.Linear(channels, 10, bias=False)
    features = nn.Sequential(*layers)
    return Network(
        largest, stem=stem, features=features, output_layer=head, scale=Times(1 / channels)
    )


def compact(settings):
    act, width = ACTIVATIONS[settings["activation"]], settings["width"]
    inputs = times(24, width)
    layers = [conv_norm(3, inputs), act()]
    for stage, (count, blocks) in enumerate(((24, 2), (48, 4), (72, 3))):
        outputs = times(count, width)
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            layers.append(_compact_block(settings, inputs, outputs, stride, act))
            inputs = outputs
    head = times(160, width)
    layers += [conv_norm(inputs, head, kernel=1), act()]
    features = nn.Sequential(*layers)
    return Network(average, features=features, output_layer=nn.Linear(head, 10))


def _compact_block(settings, inputs, outputs, stride, act):
    if settings["depthwise"]:
        wide = 4 * inputs
        inner = [conv_norm(inputs, wide, kernel=1), act()]
        inner += [conv_norm(wide, wide, stride=stride, groups=wide), act()]
        if settings["squeeze_excitation"]:
            inner.append(SqueezeExcitation(wide, max(4, inputs // 4)))
        inner.append(conv_norm(wide, outputs, kernel=1))
    else:
        inner = [conv_norm(inputs, outputs, stride=stride), act()]
        if settings["squeeze_excitation"]:
            inner.append(SqueezeExcitation(outputs, max(4, outputs // 4)))
    if not settings["residual"]:
        return nn.Sequential(*inner)
    shortcut = [nn.AvgPool2d(stride, ceil_mode=True)] if stride > 1 else []
    shortcut += [conv_norm(inputs, outputs, kernel=1)] if inputs != outputs else []
    return Add(inner, shortcut)


class Pair(nn.Module):
    def __init__(self, channels, act):
        super().__init__()
        first = [conv(channels, channels), ShiftNorm(channels, 0.1), act()]
        self.inner = nn.Sequential(*first, conv(channels, channels), ShiftNorm(channels, 0.1))
        self.leave = act()

    def forward(self, x):
        return self.leave(x + self.inner(x))


def accurate(settings):
    act = ACTIVATIONS[settings["activation"]]
    layers, inputs = [act()], 24
    for outputs in (times(count, settings["width"]) for count in (96, 288, 384)):
        layers += [conv(inputs, outputs), nn.MaxPool2d(2), ShiftNorm(outputs, 0.1), act()]
        layers += [Pair(outputs, act) for _ in range(settings["blocks"])]
        inputs = outputs
    return _sprint(Whitening(), layers, inputs)


class Rectified(Add):
    def forward(self, x):
        return torch.relu(super().forward(x))


def resnet18(settings):
    inputs = 64
    layers = [conv_norm(3, 64), nn.ReLU()]
    for stage, outputs in enumerate((64, 128, 256, 512)):
        for block in range(2):
            stride = 2 if stage and not block else 1
            inner = [conv_norm(inputs, outputs, stride=stride), nn.ReLU()]
            inner.append(conv_norm(outputs, outputs))
            changes = stride > 1 or inputs != outputs
            shortcut = [conv_norm(inputs, outputs, 1, stride)] if changes else []
            layers.append(Rectified(inner, shortcut))
            inputs = outputs
    features = nn.Sequential(*layers)
    return Network(average, features=features, output_layer=nn.Linear(512, 10))
