"""Features between image and logits: maps of some layers, and the last layer's inputs."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from landscape.data.batches import Batches
from landscape.insight.convolutions import convolutions
from landscape.measure.accuracy import predictions
from landscape.models.network import Network

LAYERS = 3  # first, middle and last convolution
MAPS = 8  # of each


def feature_maps(model: Network, image: torch.Tensor) -> dict[str, NDArray[np.float32]]:
    """Outputs of a few convolutions for one image [1, 3, 32, 32]: name → maps [8, h, w].

    For each layer, the maps that vary most over the image, the most varied first, before
    normalization and activation.
    """
    layers = convolutions(model, image)
    places = np.linspace(0, len(layers) - 1, min(LAYERS, len(layers))).round().astype(int)
    maps: dict[str, NDArray[np.float32]] = {}
    for layer in (layers[place] for place in places):
        outputs = _outputs(model, layer.module, image)[0]
        order = torch.argsort(outputs.flatten(1).std(dim=1), descending=True, stable=True)
        maps[layer.name] = outputs[order[:MAPS]].contiguous().numpy()
    return maps


def _outputs(model: Network, layer: torch.nn.Module, image: torch.Tensor) -> torch.Tensor:
    kept: list[torch.Tensor] = []

    def keep(_: torch.nn.Module, __: Any, output: torch.Tensor) -> None:
        kept.append(output.detach().float().cpu())

    handle = layer.register_forward_hook(keep)
    try:
        with torch.no_grad():
            model(image)
    finally:
        handle.remove()
    return kept[-1]


def penultimate(model: Network, batches: Batches) -> torch.Tensor:
    """Features [N, D] of all images: the inputs of the last linear layer."""
    kept: list[torch.Tensor] = []

    def keep(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        kept.append(inputs[0].detach().cpu())

    handle = model.output_layer.register_forward_pre_hook(keep)
    try:
        predictions(model, batches)
    finally:
        handle.remove()
    return torch.cat(kept)
