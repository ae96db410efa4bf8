"""Filter banks that turn and do not grow, under any update rule."""

from collections.abc import Callable
from typing import Any

import torch

from landscape.config.recipes import Optimizer


class FixedNorms(torch.optim.Optimizer):
    """The update of `base`, after which each filter bank w has the norm again that it started with.

    Before a normalization the norm of w changes nothing but the length of later steps: an update
    turns w by about η‖g‖/‖w‖. With the norm fixed, η alone decides. Groups and state are those of
    `base`.
    """

    def __init__(self, base: torch.optim.Optimizer):
        super().__init__(base.param_groups, base.defaults)
        self.base = base
        self._share()
        self.banks = [p for group in self.param_groups for p in group["params"] if p.ndim == 4]
        self.norms = [bank.detach().norm() for bank in self.banks]

    def state_dict(self) -> dict[str, Any]:
        return self.base.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.base.load_state_dict(state_dict)
        self._share()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = self.base.step(closure) if closure else self.base.step()
        for bank, norm in zip(self.banks, self.norms, strict=True):
            bank.mul_(norm / bank.norm())
        return loss

    def _share(self) -> None:
        self.param_groups = self.base.param_groups
        self.state = self.base.state


def wrap(optimizer: torch.optim.Optimizer, settings: Optimizer) -> FixedNorms:
    return FixedNorms(optimizer)
