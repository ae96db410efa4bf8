"""torch's compiler loaded when something asks for it, not by every optimizer.

The methods of torch's optimizers import `torch._dynamo` only to tell it to leave them alone. That
takes two seconds, of the five that a small training job lasts, and nothing here is compiled.
"""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

NAME = "torch._dynamo"


class StandIn(ModuleType):
    """Answers what the optimizers ask; for anything else it gives way to the real module."""

    def disable(self, fn: Callable[..., Any], *_: Any, **__: Any) -> Callable[..., Any]:
        return fn

    def graph_break(self, *_: Any, **__: Any) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(NAME) is self:
            del sys.modules[NAME]
        return getattr(importlib.import_module(NAME), name)


def install() -> None:
    """For a process of our own; where the compiler is loaded already, nothing changes."""
    if NAME not in sys.modules:
        sys.modules[NAME] = torch._dynamo = StandIn(NAME)
