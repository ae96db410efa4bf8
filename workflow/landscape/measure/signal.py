"""Signal propagation through a network: activations forward, gradients backward."""

import torch
from torch import nn

from landscape.measure.gradient import Loss, loss_at
from landscape.models.flat_parameters import FlatParameters
from landscape.models.layers import ACTIVATIONS

Values = dict[str, float]
KINDS = tuple(ACTIVATIONS.values())


def signal(
    model: nn.Module,
    flat: FlatParameters,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    loss_function: Loss,
) -> dict[str, Values]:
    """Per weight layer, statistics of the outputs of its activation.

    `activation_mean` and `activation_variance` over all entries; `gradient_square`, the mean square
    of ∂L/∂(activation); `stable_rank` ‖A‖²_F/‖A‖²₂ of the features A [images, entries of an image].
    In a network of width n → ∞ with He's weights the mean square gradient is the same in all
    layers; with BatchNorm and ReLU it grows by π/(π − 1) = 1.467 per layer towards the input (Yang
    et al. 2019).
    """
    watched: dict[str, torch.Tensor] = {}
    handles = []
    layer = ""
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            layer = name
        elif isinstance(module, KINDS):
            handles.append(module.register_forward_hook(_watch(layer, watched)))
    try:
        with torch.enable_grad():
            loss, _ = loss_at(model, flat, flat.vector, inputs, labels, loss_function)
            gradients = torch.autograd.grad(loss, list(watched.values()))
    finally:
        for handle in handles:
            handle.remove()
    return {
        name: _values(activation.detach(), gradient)
        for (name, activation), gradient in zip(watched.items(), gradients, strict=True)
    }


def _watch(layer: str, watched: dict[str, torch.Tensor]):  # type: ignore[no-untyped-def]
    def hook(module: nn.Module, entered: tuple[torch.Tensor, ...], left: torch.Tensor) -> None:
        watched[layer] = left

    return hook


def _values(activation: torch.Tensor, gradient: torch.Tensor) -> Values:
    variance, mean = torch.var_mean(activation.double(), correction=0)
    features = activation.flatten(1).double()
    gram = features @ features.T
    return {
        "activation_mean": float(mean),
        "activation_variance": float(variance),
        "gradient_square": float(gradient.double().square().mean()),
        "stable_rank": float(gram.trace() / torch.linalg.eigvalsh(gram)[-1]),
    }
