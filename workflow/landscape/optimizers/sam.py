"""Sharpness-aware minimization around any optimizer."""

import math
from collections.abc import Callable
from typing import Any

import torch

from landscape.config.recipes import Optimizer

SMALLEST_NORM = 1e-12  # at a gradient of zero there is no direction to go: stay


class SAM(torch.optim.Optimizer):
    """The update of `base` at θ with the gradient at θ + ρ g/‖g‖; Foret et al. 2021.

    ρ is `radius` and ‖g‖ the norm over all parameter groups together. Groups and state are those of
    `base`, so a schedule or a checkpoint may go through either of the two. Nothing is read by the
    host.
    """

    def __init__(self, base: torch.optim.Optimizer, radius: float = 0.05):
        if not 0 <= radius < math.inf:
            raise ValueError(f"radius must be finite and >= 0, not {radius}")
        super().__init__(base.param_groups, base.defaults)
        self.base = base
        self.radius = radius
        self._share()

    def state_dict(self) -> dict[str, Any]:
        return self.base.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.base.load_state_dict(state_dict)
        self._share()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update; the gradient at θ has been taken, `closure` takes the one at the other point.

        It computes the loss anew, calls `backward` and returns the loss, which is returned here.
        The gradients are cleared before it, in place, so that views into a flat vector stay views.
        It is a second forward pass: whether BatchNorm's running statistics are updated in it once
        more is for the closure to decide. θ comes back bit for bit, also if the closure fails.
        """
        if closure is None:
            raise ValueError("SAM.step needs a closure that computes loss and gradient, not None")
        parameters = [p for g in self.param_groups for p in g["params"] if p.grad is not None]
        origin = [parameter.clone() for parameter in parameters]
        self._climb(parameters)
        try:
            with torch.enable_grad():
                loss = closure()
        finally:
            if parameters:
                torch._foreach_copy_(parameters, origin)
        self.base.step()
        return loss

    def _climb(self, parameters: list[torch.Tensor]) -> None:
        if not parameters:
            return
        gradients: Any = [parameter.grad for parameter in parameters]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        length = self.radius / norm.clamp(min=SMALLEST_NORM)
        torch._foreach_add_(parameters, torch._foreach_mul(gradients, length))
        torch._foreach_zero_(gradients)

    def _share(self) -> None:
        self.param_groups = self.base.param_groups
        self.state = self.base.state


def wrap(optimizer: torch.optim.Optimizer, settings: Optimizer) -> SAM:
    return SAM(optimizer, settings.sharpness_radius)
