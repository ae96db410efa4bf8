"""The optimizers by the names that config.yaml uses."""

from collections.abc import Callable
from typing import Any

import torch

from landscape.models.network import Network
from landscape.optimizers import adamw, sgd
from landscape.optimizers.joint import Joint
from landscape.optimizers.muon import Muon
from landscape.optimizers.sam import SAM
from landscape.recipes import Optimizer

Group = dict[str, Any]


def build(settings: Optimizer, model: Network, learning_rate: float) -> torch.optim.Optimizer:
    """The update rule over all parameters; torch's own are fused, one pass over memory."""
    optimizer = _plain(settings, model, learning_rate)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    return SAM(optimizer, settings.sharpness_radius) if settings.sharpness_radius else optimizer


def set_learning_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Every group's learning rate becomes `factor` times what it was built with."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor


def _plain(settings: Optimizer, model: Network, learning_rate: float) -> torch.optim.Optimizer:
    decay, momentum = settings.weight_decay, settings.momentum
    common: Group = {"lr": learning_rate, "weight_decay": decay}
    parameters = list(model.parameters())
    make: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "adam": lambda: torch.optim.Adam(parameters, **common, fused=True),
        "adamw": lambda: torch.optim.AdamW(parameters, **common, fused=True),
        "sgd": lambda: torch.optim.SGD(
            parameters, **common, momentum=momentum, nesterov=settings.nesterov, fused=True
        ),
        "rmsprop": lambda: torch.optim.RMSprop(parameters, **common, momentum=momentum),
        "adagrad": lambda: torch.optim.Adagrad(parameters, **common),
        "our_sgd": lambda: sgd.SGD(
            parameters, **common, momentum=momentum, nesterov=settings.nesterov
        ),
        "our_adamw": lambda: adamw.AdamW(parameters, **common),
        "muon": lambda: _muon(settings, model, learning_rate),
    }
    return make[settings.name]()


def _muon(settings: Optimizer, model: Network, learning_rate: float) -> Joint:
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
        [muon, sgd.SGD(aside, lr=learning_rate, momentum=settings.vector_momentum, nesterov=True)]
    )


def _aside(parameters: list[torch.Tensor], settings: Optimizer, learning_rate: float) -> Group:
    return {
        "params": parameters,
        "lr": learning_rate,
        "weight_decay": settings.weight_decay / learning_rate,
    }
