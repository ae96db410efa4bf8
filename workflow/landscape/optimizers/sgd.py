"""Stochastic gradient descent, with momentum and Nesterov's look-ahead."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT

from landscape.config.recipes import Optimizer
from landscape.optimizers.closure import evaluated


class SGD(torch.optim.Optimizer):
    """θ ← θ − ηb with the momentum b ← μb + d and the gradient d = g + λθ.

    With `nesterov` θ ← θ − η(d + μb): Nesterov's method in the look-ahead point's own coordinates
    (Sutskever et al. 2013), as torch.optim.SGD has it. η is `lr`, μ `momentum`, λ `weight_decay`.
    `lr` may be a 0-dimensional tensor on the parameters' device, which is never read by the host:
    a captured CUDA graph then follows the value written into it.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ):
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "nesterov": nesterov,
            "weight_decay": weight_decay,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        _check(self.defaults | param_group)
        super().add_param_group(param_group)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have a gradient; the closure's loss, if there is a closure."""
        loss = evaluated(closure)
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if parameters:
                # One form for numbers and tensors: `alpha=` would make the host read a tensor.
                updates = torch._foreach_mul(self._directions(parameters, group), -group["lr"])
                torch._foreach_add_(parameters, updates)
        return loss

    def _directions(self, parameters: list[Tensor], group: dict[str, Any]) -> tuple[Tensor, ...]:
        momentum = group["momentum"]
        directions = tuple(p.grad for p in parameters if p.grad is not None)
        if group["weight_decay"]:
            directions = torch._foreach_add(directions, parameters, alpha=group["weight_decay"])
        if not momentum:
            return directions
        buffers = tuple(self._buffer(parameter) for parameter in parameters)
        torch._foreach_mul_(buffers, momentum)
        torch._foreach_add_(buffers, directions)
        if not group["nesterov"]:
            return buffers
        return torch._foreach_add(directions, buffers, alpha=momentum)

    def _buffer(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        buffer: Tensor = state["momentum_buffer"]
        return buffer


def build(settings: Optimizer, model: nn.Module, learning_rate: float, capturable: bool) -> SGD:
    return SGD(
        model.parameters(),
        learning_rate,
        momentum=settings.momentum,
        nesterov=settings.nesterov,
        weight_decay=settings.weight_decay,
    )


def _check(group: dict[str, Any]) -> None:
    lr, momentum, decay = group["lr"], group["momentum"], group["weight_decay"]
    if torch.as_tensor(lr).ndim or not 0 <= lr < math.inf:
        raise ValueError(f"lr must be one finite number >= 0, not {lr}")
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must lie in [0, 1), not {momentum}")
    if group["nesterov"] and not momentum:
        raise ValueError(f"nesterov needs a momentum in (0, 1), not {momentum}")
    if not 0 <= decay < math.inf:
        raise ValueError(f"weight_decay must be finite and >= 0, not {decay}")
