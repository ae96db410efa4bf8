"""The optimizers that torch brings, fused where torch can: one pass over memory."""

import torch
from torch import nn

from landscape.config.recipes import Optimizer


def build(
    settings: Optimizer, model: nn.Module, learning_rate: float, capturable: bool
) -> torch.optim.Optimizer:
    """`capturable`: count the steps on the device, where a CUDA graph can advance them."""
    parameters, decay = list(model.parameters()), settings.weight_decay
    match settings.name:
        case "adam":
            return torch.optim.Adam(
                parameters, learning_rate, weight_decay=decay, capturable=capturable, fused=True
            )
        case "adamw":
            return torch.optim.AdamW(
                parameters, learning_rate, weight_decay=decay, capturable=capturable, fused=True
            )
        case "sgd":
            return torch.optim.SGD(
                parameters,
                learning_rate,
                momentum=settings.momentum,
                weight_decay=decay,
                nesterov=settings.nesterov,
                fused=True,
            )
        case "rmsprop":
            return torch.optim.RMSprop(
                parameters,
                learning_rate,
                momentum=settings.momentum,
                weight_decay=decay,
                capturable=capturable,
            )
        case "adagrad":
            return torch.optim.Adagrad(parameters, learning_rate, weight_decay=decay)
    raise ValueError(f"{settings.name} is not one of torch's optimizers")
