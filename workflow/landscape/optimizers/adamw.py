"""Adam with decoupled weight decay."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT

from landscape.config.recipes import Optimizer
from landscape.optimizers.closure import evaluated


class AdamW(torch.optim.Optimizer):
    """θ ← (1 − ηλ)θ − η m̂/(√v̂ + ε), Loshchilov & Hutter 2019, as torch.optim.AdamW has it.

    m ← β₁m + (1 − β₁)g and v ← β₂v + (1 − β₂)g² are running means from 0, and m̂ = m/(1 − β₁ᵗ),
    v̂ = v/(1 − β₂ᵗ) undo their start (Kingma & Ba 2015). η is `lr`, λ `weight_decay`.

    `lr` may be a 0-dimensional tensor on the parameters' device, which is never read by the host.
    For a captured CUDA graph set `capturable` as well: t then counts on the device, where a replay
    can advance it.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        *,
        capturable: bool = False,
    ):
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "capturable": capturable,
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
                self._update(parameters, group)
        return loss

    def _update(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        lr, (beta1, beta2) = group["lr"], group["betas"]
        gradients: Any = [parameter.grad for parameter in parameters]
        states = [self._state(parameter, group["capturable"]) for parameter in parameters]
        means = [state["exp_avg"] for state in states]
        squares = [state["exp_avg_sq"] for state in states]
        steps = [state["step"] for state in states]

        torch._foreach_add_(steps, 1)
        if group["weight_decay"]:
            torch._foreach_mul_(parameters, 1 - lr * group["weight_decay"])
        torch._foreach_lerp_(means, gradients, 1 - beta1)
        torch._foreach_mul_(squares, beta2)
        torch._foreach_addcmul_(squares, gradients, gradients, value=1 - beta2)

        sizes, roots = _corrections(lr, beta1, beta2, steps, group["capturable"])
        denominators = torch._foreach_sqrt(squares)
        torch._foreach_div_(denominators, roots)
        torch._foreach_add_(denominators, group["eps"])
        updates = torch._foreach_div(means, denominators)
        torch._foreach_mul_(updates, sizes)
        torch._foreach_add_(parameters, updates)

    def _state(self, parameter: Tensor, capturable: bool) -> dict[str, Tensor]:
        # The names are torch's: `load_state_dict` keeps what is called "step" off the device, or on
        # it if capturable, and casts everything else to the parameter's type.
        state: dict[str, Tensor] = self.state[parameter]
        if not state:
            device = parameter.device if capturable else "cpu"
            state["step"] = torch.zeros((), dtype=torch.float32, device=device)
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        return state


def build(settings: Optimizer, model: nn.Module, learning_rate: float, capturable: bool) -> AdamW:
    return AdamW(
        model.parameters(),
        learning_rate,
        weight_decay=settings.weight_decay,
        capturable=capturable,
    )


def _corrections(
    lr: float | Tensor, beta1: float, beta2: float, steps: list[Tensor], capturable: bool
) -> tuple[Any, Any]:
    """−η/(1 − β₁ᵗ) and √(1 − β₂ᵗ) of every parameter: tensors if capturable, otherwise numbers."""
    if capturable:
        counts = torch.stack(steps).double()  # in float32, 1 − 0.999 is off by 5e-5 of itself
        return (-lr / (1 - beta1**counts)).unbind(), (1 - beta2**counts).sqrt().unbind()
    numbers = [step.item() for step in steps]
    return [-lr / (1 - beta1**t) for t in numbers], [math.sqrt(1 - beta2**t) for t in numbers]


def _check(group: dict[str, Any]) -> None:
    lr, betas, eps, decay = (group[name] for name in ("lr", "betas", "eps", "weight_decay"))
    if torch.as_tensor(lr).ndim or not 0 <= lr < math.inf:
        raise ValueError(f"lr must be one finite number >= 0, not {lr}")
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        raise ValueError(f"betas must be two numbers in [0, 1), not {betas}")
    if not 0 <= eps < math.inf:
        raise ValueError(f"eps must be finite and >= 0, not {eps}")
    if not 0 <= decay < math.inf:
        raise ValueError(f"weight_decay must be finite and >= 0, not {decay}")
