"""The closure that an optimizer's `step` may be given: it computes the loss anew."""

from collections.abc import Callable
from typing import Any

import torch


def evaluated(closure: Callable[[], Any] | None) -> Any:
    """The closure's loss, with gradients recorded whatever the caller's mode; None without one."""
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()
