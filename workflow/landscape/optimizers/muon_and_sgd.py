"""Muon for the matrices of a network, momentum SGD for the rest of it."""

from typing import Any

import torch

from landscape.config.recipes import Optimizer
from landscape.models.network import Network
from landscape.optimizers.joint import Joint
from landscape.optimizers.muon import Muon
from landscape.optimizers.sgd import SGD


def build(settings: Optimizer, model: Network, learning_rate: float, capturable: bool) -> Joint:
    """Muon for filter banks and hidden matrices, momentum SGD for vectors and the output layer.

    `weight_decay` is the share that a step takes from vectors and output weights (before momentum
    adds up), whatever their learning rates: those differ by orders of magnitude. Filter banks have
    none.
    """
    assert settings.vector_learning_rate is not None
    assert settings.head_learning_rate is not None
    head = model.output_layer.weight
    banks = [p for p in model.parameters() if p.ndim > 1 and p.shape[1] > 1 and p is not head]
    taken = {id(parameter) for parameter in [*banks, head]}
    vectors: list[torch.Tensor] = [p for p in model.parameters() if id(p) not in taken]
    aside = [_aside(vectors, settings, settings.vector_learning_rate)]
    aside.append(_aside([head], settings, settings.head_learning_rate))
    muon = Muon(
        banks,
        lr=learning_rate,
        momentum=settings.momentum,
        nesterov=settings.nesterov,
        fixed_norm=settings.fixed_norm,
        newton_schulz_steps=settings.newton_schulz_steps,
    )
    return Joint(
        [muon, SGD(aside, lr=learning_rate, momentum=settings.vector_momentum, nesterov=True)]
    )


def _aside(
    parameters: list[torch.Tensor], settings: Optimizer, learning_rate: float
) -> dict[str, Any]:
    return {
        "params": parameters,
        "lr": learning_rate,
        "weight_decay": settings.weight_decay / learning_rate,
    }
