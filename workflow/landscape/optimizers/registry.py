"""The optimizers by the names that config.yaml uses."""

from importlib import import_module

import torch

from landscape.config.recipes import Optimizer
from landscape.models.network import Network

NOT_CAPTURABLE = ("adagrad",)  # torch counts its steps on the host


def build(settings: Optimizer, model: Network, learning_rate: float) -> torch.optim.Optimizer:
    """The update rule over all parameters.

    Its module is imported here, on demand, so that no run depends on another rule's code. On CUDA
    the learning rates are values on the device, which a captured update reads anew.
    """
    device = next(model.parameters()).device
    captured = device.type == "cuda" and capturable(settings)
    rule, *wrappers = (import_module(f"landscape.{module}") for module in settings.modules)
    optimizer: torch.optim.Optimizer = rule.build(settings, model, learning_rate, captured)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
        if captured:
            group["lr"] = torch.tensor(group["lr"], device=device)
    for wrapper in wrappers:
        optimizer = wrapper.wrap(optimizer, settings)
    return optimizer


def capturable(settings: Optimizer) -> bool:
    """Whether an update can be part of a CUDA graph."""
    return settings.name not in NOT_CAPTURABLE


def set_learning_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Every group's learning rate becomes `factor` times what it was built with."""
    for group in optimizer.param_groups:
        rate = group["initial_lr"] * factor
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
