"""The optimizers by the names that config.yaml uses."""

from collections.abc import Iterable

import torch
from torch import nn

from landscape.runs import Optimizer


def build(
    settings: Optimizer, parameters: Iterable[nn.Parameter], learning_rate: float
) -> torch.optim.Optimizer:
    """The update rule over `parameters`; fused, so that an update is one pass over memory."""
    match settings.name:
        case "adam":
            return torch.optim.Adam(
                parameters, lr=learning_rate, weight_decay=settings.weight_decay, fused=True
            )
        case "sgd":
            return torch.optim.SGD(
                parameters,
                lr=learning_rate,
                momentum=settings.momentum,
                weight_decay=settings.weight_decay,
                fused=True,
            )
