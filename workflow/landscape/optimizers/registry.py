"""The optimizers by the names that config.yaml uses."""

from collections.abc import Callable
from typing import Any

import torch

from landscape.config.recipes import Optimizer
from landscape.models.network import Network
from landscape.optimizers import adamw, sgd
from landscape.optimizers.joint import Joint
from landscape.optimizers.muon import Muon
from landscape.optimizers.sam import SAM

Group = dict[str, Any]


NOT_CAPTURABLE = ("adagrad",)  # torch counts its steps on the host


def build(settings: Optimizer, model: Network, learning_rate: float) -> torch.optim.Optimizer:
    """The update rule over all parameters; torch's own are fused, one pass over memory.

    On CUDA the learning rates are values on the device, which a captured update reads anew.
    """
    device = next(model.parameters()).device
    captured = device.type == "cuda" and capturable(settings)
    optimizer = _plain(settings, model, learning_rate, captured)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
        if captured:
            group["lr"] = torch.tensor(group["lr"], device=device)
    return SAM(optimizer, settings.sharpness_radius) if settings.sharpness_radius else optimizer


def capturable(settings: Optimizer) -> bool:
    """Whether an update can be part of a CUDA graph; SAM's second pass restores buffers by name."""
    return settings.name not in NOT_CAPTURABLE and not settings.sharpness_radius


def set_learning_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Every group's learning rate becomes `factor` times what it was built with."""
    for group in optimizer.param_groups:
        rate = group["initial_lr"] * factor
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def _plain(
    settings: Optimizer, model: Network, learning_rate: float, captured: bool
) -> torch.optim.Optimizer:
    decay, momentum = settings.weight_decay, settings.momentum
    common: Group = {"lr": learning_rate, "weight_decay": decay}
    counted: Group = {**common, "capturable": captured}  # those that count their steps
    parameters = list(model.parameters())
    make: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "adam": lambda: torch.optim.Adam(parameters, **counted, fused=True),
        "adamw": lambda: torch.optim.AdamW(parameters, **counted, fused=True),
        "sgd": lambda: torch.optim.SGD(
            parameters, **common, momentum=momentum, nesterov=settings.nesterov, fused=True
        ),
        "rmsprop": lambda: torch.optim.RMSprop(parameters, **counted, momentum=momentum),
        "adagrad": lambda: torch.optim.Adagrad(parameters, **common),
        "our_sgd": lambda: sgd.SGD(
            parameters, **common, momentum=momentum, nesterov=settings.nesterov
        ),
        "our_adamw": lambda: adamw.AdamW(parameters, **counted),
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
