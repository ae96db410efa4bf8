"""The networks, from their settings, with the initial weights of a seed."""

import math

import torch
from torch import nn

from oracle.naive import finals
from oracle.naive.chance import generator
from oracle.naive.frame import Network, conv_norm, times
from oracle.naive.layers import (
    ACTIVATIONS,
    Add,
    Frozen,
    LpNorm,
    Noisy,
    NormalizedOnce,
    Standardized,
    Whitening,
    normalization,
)

A = (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M")
VGG_19 = (64, 64, "M", 128, 128, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4, "M")
AFTER = {  # of a convolution of VGG, by what the network's name ends in
    "bn": lambda n: [nn.BatchNorm2d(n)],
    "ln": lambda n: [nn.GroupNorm(1, n)],
    "gn": lambda n: normalization("group", n),
    "in": lambda n: [nn.InstanceNorm2d(n, affine=True)],
    "noise": lambda n: [Noisy(n)],
    "frozen": lambda n: [Frozen(n)],
    "l1": lambda n: [LpNorm(n, 1)],
    "l2": lambda n: [LpNorm(n, 2)],
    "linf": lambda n: [LpNorm(n, math.inf)],
}


def build(settings, seed, sample):
    """A network with its initial weights; `sample`: training images for layers fitted to them."""
    name, source = settings["name"], generator(seed, "weights")
    make = vgg if name.startswith("vgg") else MAKERS[name]
    network = make(settings)
    glorot = name.startswith("vgg") and "_he" not in name
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                _draw(module, glorot, source)
        if name in ("fast", "accurate", "speedrun"):
            _near_identity(network, source)
        for module in network.modules():
            if isinstance(module, Noisy):
                module.seed.copy_(torch.randint(2**31, (), generator=source))
        _fit(network, sample)
    return network


def _draw(module, glorot, source):
    """Normal weights of variance 2/(in + out) (Glorot) or 2/in (He), pixels of a filter counted."""
    outputs, inputs = module.weight.shape[:2]
    pixels = module.weight[0, 0].numel()
    variance = 2 / ((inputs + outputs) * pixels) if glorot else 2 / (inputs * pixels)
    module.weight.normal_(0, math.sqrt(variance), generator=source)
    if module.bias is not None:
        module.bias.zero_()


def _near_identity(network, source):
    """Filter banks pass their inputs on, as far as they have outputs; the head has variance one."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.bias is None:
            outputs, inputs, height, width = module.weight.shape
            bound = 1 / math.sqrt(inputs * height * width)
            module.weight.uniform_(-bound, bound, generator=source)
            for k in range(min(inputs, outputs)):
                module.weight[k] = 0
                module.weight[k, k, height // 2, width // 2] = 1
    network.output_layer.weight.div_(network.output_layer.weight.std())


def _fit(network, sample):
    first = next(network.children())
    if isinstance(first, Whitening):
        first.fit(sample)
    elif any(hasattr(layer, "fit") for layer in first.modules()):
        for layer in first:
            if hasattr(layer, "fit"):
                layer.fit(sample)
            sample = layer(sample)


def vgg(settings):
    words, width = settings["name"].split("_")[2:], settings["width"]
    smooth, head_too = "smooth" in words, "fc" in words
    kind = next((word for word in reversed(words) if word in AFTER), None)
    convolution = (
        NormalizedOnce if "init" in words else Standardized if "ws" in words else nn.Conv2d
    )
    activation, pooling = (nn.GELU, nn.AvgPool2d) if smooth else (nn.ReLU, nn.MaxPool2d)
    features, inputs = [], 3
    for entry in VGG_19 if settings["name"].startswith("vgg_19") else A:
        if entry == "M":
            features.append(pooling(2))
            continue
        outputs = times(entry, width)
        features.append(convolution(inputs, outputs, 3, padding=1))
        features += AFTER[kind](outputs) if kind else []
        features.append(activation())
        inputs = outputs
    hidden, layers = times(512, width), []
    for _ in range(2):
        layers += [nn.Linear(hidden, hidden), *([nn.BatchNorm1d(hidden)] if head_too else [])]
        layers.append(activation())
    layers.append(nn.Linear(hidden, 10))
    flat = lambda x: x.flatten(1)  # noqa: E731
    return Network(flat, features=nn.Sequential(*features), classifier=nn.Sequential(*layers))


def mlp(settings):
    hidden, inputs = [], 3072
    for _ in range(settings["hidden_layers"]):
        hidden += [nn.Linear(inputs, settings["neurons"]), ACTIVATIONS[settings["activation"]]()]
        hidden.append(nn.Dropout(settings["dropout"]))
        inputs = settings["neurons"]
    return Network(
        lambda x: x.flatten(1), hidden=nn.Sequential(*hidden), output_layer=nn.Linear(inputs, 10)
    )


def convnet(settings):
    act, layers, inputs = ACTIVATIONS[settings["activation"]], [], 3
    for outputs in (settings["filters"] * k for k in (1, 2, 4)):
        kind = settings["normalization"]
        second = conv_norm(outputs, outputs, kind=kind)
        second = Add([*second], []) if settings["residual"] else second
        layers += [conv_norm(inputs, outputs, kind=kind), act(), second, act(), nn.MaxPool2d(2)]
        inputs = outputs
    neurons = settings["neurons"]
    return Network(
        lambda x: x.flatten(1),
        features=nn.Sequential(*layers),
        classifier=nn.Sequential(
            nn.Linear(16 * inputs, neurons), act(), nn.Dropout(settings["dropout"])
        ),
        output_layer=nn.Linear(neurons, 10),
    )


MAKERS = {
    "mlp": mlp,
    "convnet": convnet,
    "fast": finals.fast,
    "speedrun": finals.speedrun,
    "compact": finals.compact,
    "accurate": finals.accurate,
    "resnet18": finals.resnet18,
}
