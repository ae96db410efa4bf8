"""A network as a table: the kind, output shape and costs of each layer."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from landscape.measure.flops import twin_and_image
from landscape.models.layers import ACTIVATIONS, Scaled, SqueezeExcitation, Whitening
from landscape.models.normalization import FrozenNorm, LpNorm

COLUMNS = ["layer", "kind", "output_shape", "parameters", "flops"]
OTHER = "other"  # what no layer of the table holds or computes; a row only where there is some

KINDS: dict[type[nn.Module], str] = {
    nn.Linear: "linear",
    nn.BatchNorm1d: "normalization",
    nn.BatchNorm2d: "normalization",
    nn.GroupNorm: "normalization",
    nn.InstanceNorm2d: "normalization",
    FrozenNorm: "normalization",
    LpNorm: "normalization",
    nn.MaxPool2d: "pooling",
    nn.AvgPool2d: "pooling",
    nn.AdaptiveAvgPool2d: "pooling",
    nn.Dropout: "dropout",
    SqueezeExcitation: "attention",
    Whitening: "whitening",
    Scaled: "scale",
    **dict.fromkeys(ACTIVATIONS.values(), "activation"),
}


def layers(model: nn.Module, side: int = 32) -> pd.DataFrame:
    """A row of `COLUMNS` per layer, in the order of the forward pass.

    A layer is a module without submodules; channel attention counts as one. `output_shape` is
    of one image, channels first; `parameters` are those that are learned; `flops` of one image's
    forward pass as `torch.utils.flop_counter` counts them. The columns add up to
    `models.count_parameters` and `measure.flops.forward_flops`: what a forward method computes
    outside its layers is a last row `other`. Pooling and additions in such methods have no row.
    """
    twin, image = twin_and_image(model, side)
    rows: dict[str, dict[str, Any]] = {}
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        for name, layer in _layers(twin):
            _watch(name, layer, rows, counter)
        twin(image)
    flops = counter.get_total_flops() - sum(row["flops"] for row in rows.values())
    parameters = sum(p.numel() for p in twin.parameters())
    parameters -= sum(row["parameters"] for row in rows.values())
    if flops or parameters:
        rows[""] = _row("", OTHER, "", parameters, flops)
    return pd.DataFrame(list(rows.values()), columns=COLUMNS)


def _layers(module: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Modules that count as one layer, with their dotted names, except empty ones."""
    if isinstance(module, SqueezeExcitation) or not any(True for _ in module.children()):
        if not isinstance(module, nn.Sequential):
            yield name, module
        return
    for child, inside in module.named_children():
        yield from _layers(inside, f"{name}.{child}".lstrip("."))


def _watch(
    name: str, layer: nn.Module, rows: dict[str, dict[str, Any]], counter: FlopCounterMode
) -> None:
    """Add the layer to `rows` when it runs; a second call adds its operations."""
    before = 0

    def enter(module: nn.Module, inputs: Any) -> None:
        nonlocal before
        before = counter.get_total_flops()

    def leave(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        flops = counter.get_total_flops() - before
        if name in rows:
            rows[name]["flops"] += flops
            return
        shape = "×".join(str(size) for size in output.shape[1:])
        parameters = sum(p.numel() for p in layer.parameters())
        rows[name] = _row(name, kind(layer), shape, parameters, flops)

    layer.register_forward_pre_hook(enter)
    layer.register_forward_hook(leave)


def _row(layer: str, kind: str, shape: str, parameters: int, flops: int) -> dict[str, Any]:
    return dict(zip(COLUMNS, (layer, kind, shape, parameters, flops), strict=True))


def kind(layer: nn.Module) -> str:
    """The kind of a layer in words, or the name of its class."""
    if isinstance(layer, nn.Conv2d):
        depthwise = 1 < layer.groups == layer.in_channels
        return "depthwise convolution" if depthwise else "convolution"
    for known, word in KINDS.items():
        if isinstance(layer, known):
            return word
    return type(layer).__name__
