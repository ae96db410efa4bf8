"""The weights as they were at some steps of a run, for measures that are taken after it."""

from typing import Any

import torch

from landscape.training.trajectory import State


class Snapshots:
    """Parameters and buffers before the update of each step of `moments`, kept on the device.

    A measurement on them cannot change the run. The step after the last update is a moment, too.
    """

    def __init__(self, moments: tuple[int, ...], state: State):
        self.moments, self.state = moments, state
        self.kept = {
            name: value.new_zeros((len(moments), *value.shape)) for name, value in self._now()
        }

    def take(self) -> None:
        """Keep the state, if its step is a moment."""
        if self.state.step in self.moments:
            place = self.moments.index(self.state.step)
            for name, value in self._now():
                self.kept[name][place] = value

    def tensors(self) -> dict[str, torch.Tensor]:
        """`step/name` → parameter or buffer, for every moment that the run has reached."""
        return {
            f"{step}/{name}": rows[place].contiguous().clone()
            for place, step in enumerate(self.moments)
            if step <= self.state.step
            for name, rows in self.kept.items()
        }

    def state_dict(self) -> dict[str, Any]:
        return self.kept

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, rows in self.kept.items():
            rows.copy_(state[name])

    def _now(self) -> list[tuple[str, torch.Tensor]]:
        return list(self.state.model.state_dict().items()) if self.moments else []
