"""Both sides of the bound on BatchNorm's gradients, for each channel."""

import torch
from torch import nn

from landscape.measure.gradient import Loss, loss_at
from landscape.models.flat_parameters import FlatParameters

Watched = tuple[nn.Module, torch.Tensor, torch.Tensor]


def gradient_bound(
    model: nn.Module,
    flat: FlatParameters,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    loss_function: Loss,
) -> dict[str, dict[str, torch.Tensor]]:
    """Theorem 4.1 of Santurkar et al. 2018 for each BatchNorm layer in training mode, [C] each.

    With input y, ŷ = (y − μ)/σ, output z = γŷ + b, G = ∂L/∂z and m values per channel:
    `left` = ‖∂L/∂y‖² and `right` = γ²/σ² (‖G‖² − ⟨1, G⟩²/m − ⟨G, ŷ⟩²/m). With σ² = var + ε the two
    are equal except for ε: left ≤ right, smaller by a share of ⟨G, ŷ⟩² ε/(mσ²). Of interest are
    therefore the terms of the bound: `amplification` γ²/σ², and `mean_share` and `scale_share`, the
    two subtracted terms over ‖G‖².
    """
    watched: dict[str, Watched] = {}
    handles = [
        module.register_forward_hook(_watch(name, watched))
        for name, module in model.named_modules()
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    ]
    try:
        with torch.enable_grad():
            loss, _ = loss_at(model, flat, flat.vector, inputs, labels, loss_function)
            ends = [tensor for _, y, z in watched.values() for tensor in (y, z)]
            gradients = torch.autograd.grad(loss, ends) if ends else ()
    finally:
        for handle in handles:
            handle.remove()
    pairs = zip(gradients[::2], gradients[1::2], strict=True)
    return {
        name: _sides(module, y.detach(), *pair)
        for (name, (module, y, _)), pair in zip(watched.items(), pairs, strict=True)
    }


def _watch(name: str, watched: dict[str, Watched]):  # type: ignore[no-untyped-def]
    def hook(module: nn.Module, entered: tuple[torch.Tensor, ...], left: torch.Tensor) -> None:
        watched[name] = (module, entered[0], left)

    return hook


def _sides(
    module: nn.Module, y: torch.Tensor, at_y: torch.Tensor, at_z: torch.Tensor
) -> dict[str, torch.Tensor]:
    assert isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    y, at_y, at_z = (_by_channel(tensor) for tensor in (y, at_y, at_z))
    count = y.shape[1]
    variance, mean = torch.var_mean(y, 1, correction=0, keepdim=True)
    deviation = (variance + module.eps).sqrt()
    normal = (y - mean) / deviation
    amplification = (module.weight.detach().double() / deviation.squeeze(1)) ** 2
    squared = at_z.square().sum(1)
    means, scales = at_z.sum(1) ** 2 / count, (at_z * normal).sum(1) ** 2 / count
    return {
        "left": at_y.square().sum(1),
        "right": amplification * (squared - means - scales),
        "amplification": amplification,
        "mean_share": means / squared,
        "scale_share": scales / squared,
    }


def _by_channel(values: torch.Tensor) -> torch.Tensor:
    """[N, C, …] → [C, m] in float64."""
    return values.double().transpose(0, 1).flatten(1)
