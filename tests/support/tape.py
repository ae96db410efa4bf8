"""A CUDA graph without CUDA: the operations of a step, written down once and replayed.

Nothing of Python runs at a replay, as on a card: what a step decides from its number, from a float
or from a tensor that is another one by then, is what it was at the capture.
"""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from landscape.training.cuda_graphs import Body


class Tape:
    """Captures by recording; counts the captures and their replays."""

    def __init__(self) -> None:
        self.captures = self.replays = 0

    def __call__(self, body: Body, chosen: torch.Tensor) -> Body:
        images = chosen.clone()
        recording = Recording()
        with torch.random.fork_rng(devices=[]), recording:
            body(images)
        recording.undo()  # a capture does nothing yet, and draws nothing
        self.captures += 1

        def replay(chosen: torch.Tensor) -> None:
            images.copy_(chosen)
            recording.replay()
            self.replays += 1

        return replay


class Recording(TorchDispatchMode):
    """The operations below autograd, with the very tensors that they read and wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, tuple[Any, ...], dict[str, Any], list[torch.Tensor]]] = []
        # By memory: a tensor of all of it that was there before, and what it held.
        self.found: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self.taken: set[int] = set()  # memory of the recorded operations' results

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        # Of every argument, not of those that the schema calls changed: it omits running averages.
        for tensor in _tensors((args, kwargs)):
            memory = _memory(tensor)
            if memory not in self.found and memory not in self.taken:
                whole = tensor.new_empty(0).set_(tensor.untyped_storage())
                self.found[memory] = whole, whole.clone()
        results = func(*args, **kwargs)
        self.taken |= {_memory(tensor) for tensor in _tensors(results)} - self.found.keys()
        self.operations.append((func, args, kwargs, _tensors(results)))
        return results

    def undo(self) -> None:
        for now, before in self.found.values():
            now.copy_(before)

    def replay(self) -> None:
        with torch.no_grad():
            for func, args, kwargs, recorded in self.operations:
                for old, new in zip(recorded, _tensors(func(*args, **kwargs)), strict=True):
                    if _memory(old) != _memory(new):
                        old.copy_(new)


def _tensors(values: Any) -> list[torch.Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, torch.Tensor)]


def _memory(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
