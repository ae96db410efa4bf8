"""The one place where a trajectory meets the measures; what comes out are tables."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
import torch

from landscape.config.runs import Run
from landscape.errors import UserError
from landscape.measure import probe as probes
from landscape.measure.beta import effective_beta
from landscape.measure.distance import distance, norm
from landscape.measure.gradient import loss_and_gradient
from landscape.runtime import device as devices
from landscape.storage.step_columns import lagged, step_columns, unmeasured
from landscape.training import losses
from landscape.training.trajectory import State, Step


class MeasurementError(UserError):
    """A measure that is not finite although the run has not diverged."""


class Recorder:
    """Measures every step of a run and keeps the history on the device.

    Steps are rows of a [steps, columns] tensor written in place, so that nothing waits for the
    device in between; `check` and `tables` are the moments that do.
    """

    def __init__(self, run: Run, state: State, steps: int):
        self.run, self.state, self.steps = run, state, steps
        self.loss = losses.build(run.loss)
        self.same_batch_every = run.same_batch_every_steps if run.gradient_lags else None
        self.columns = step_columns(run.gradient_lags, self.same_batch_every is not None)
        vector = state.flat.vector
        self.history = vector.new_full((steps, len(self.columns)), torch.nan)
        self.row = vector.new_empty(len(self.columns))
        self.measured = bool(run.gradient_lags)
        # The last gradients in turn, as many as the longest lag; and where the model stood before.
        size = vector.numel() if self.measured else 0
        self.gradients = vector.new_zeros((max(run.gradient_lags, default=0), size))
        self.previous = vector.new_zeros(size)
        self.output = state.flat.extent(state.model.output_layer)
        self.probe_steps = range(0, steps, run.probe.every) if run.probe else range(0)
        sizes = len(run.probe.relative_step_sizes) if run.probe else 0
        self.probes = vector.new_full(
            (len(self.probe_steps), sizes, len(probes.COLUMNS)), torch.nan
        )
        self.probe_rows = vector.new_empty((sizes, len(probes.COLUMNS)))
        self.checked = 0  # steps of this process that `check` has found healthy

    def observe(self, step: Step) -> None:
        """Measure at θ_i, between the backward pass and the update."""
        self.measure(step)
        self.keep(step.index)

    def kind(self, index: int) -> Hashable:
        """What of step `index` the work of `measure` depends on; None where it lacks predecessors.

        Steps of one kind do the same work on the same memory, so that it can be replayed.
        """
        if index < max(1, len(self.gradients)):
            return None
        place = index % max(1, len(self.gradients))
        return place, index in self.probe_steps, self._same_batch_at(index)

    def measure(self, step: Step) -> None:
        """The step's measures into `row` and `probe_rows`, on the device."""
        with torch.no_grad(), devices.measuring_precision(self.history.device):
            values = self._measure(step)
            row = [values[name].to(self.row.dtype) for name in self.columns]
            torch.stack(row, out=self.row)
            if self.measured:
                self.gradients[step.index % len(self.gradients)] = step.gradient
                self.previous.copy_(step.parameters)
            if step.index in self.probe_steps:
                self.probe_rows.copy_(self._probe(step))

    def keep(self, index: int) -> None:
        """Write what was measured last into the history, as step `index`."""
        self.history[index] = self.row
        if index in self.probe_steps:
            self.probes[self.probe_steps.index(index)] = self.probe_rows

    def _measure(self, step: Step) -> dict[str, torch.Tensor]:
        theta, gradient = step.parameters, step.gradient
        missing = torch.full_like(step.loss, torch.nan)
        values = {
            "loss": step.loss,
            "correct": (step.logits.argmax(1) == step.labels).sum().to(step.loss.dtype),
            "gradient_norm": norm(gradient),
        }
        if not self.measured:
            return values
        values["parameter_norm"] = norm(theta)
        for lag in self.run.gradient_lags:
            whole, output = missing, missing
            if step.index >= lag:
                earlier = self.gradients[(step.index - lag) % len(self.gradients)]
                whole = distance(gradient, earlier)
                output = distance(gradient[self.output], earlier[self.output])
            values[lagged("gradient_distance", lag)] = whole
            values[lagged("output_gradient_distance", lag)] = output
        moved = distance(theta, self.previous) if step.index else missing
        values["update_distance"] = moved
        values["beta"] = effective_beta(values["gradient_distance"], moved)
        if self.same_batch_every is not None:
            apart = self._same_batch_distance(step) if self._same_batch_at(step.index) else missing
            values["same_batch_gradient_distance"] = apart
            values["same_batch_beta"] = effective_beta(apart, moved)
        return values

    def _same_batch_at(self, index: int) -> bool:
        """Whether step `index` is one at which the gradient of its batch is taken twice."""
        return bool(self.same_batch_every and index and index % self.same_batch_every == 0)

    def _same_batch_distance(self, step: Step) -> torch.Tensor:
        """‖∇L_i(θ_i) − ∇L_i(θ_{i−1})‖, both of the batch of step i: what the update changed.

        Both are the measurement's own, in float32, whatever the training rounds to or adds.
        """
        here, before = (
            loss_and_gradient(
                self.state.model, self.state.flat, point, step.inputs, step.labels, self.loss
            )[1]
            for point in (self.state.flat.vector, self.previous)
        )
        return distance(here, before)

    def _probe(self, step: Step) -> torch.Tensor:
        assert self.run.probe is not None
        return probes.probe(
            self.state.model,
            self.state.flat,
            step.inputs,
            step.labels,
            self.loss,
            [size * self.run.learning_rate for size in self.run.probe.relative_step_sizes],
        )

    def check(self) -> int | None:
        """The first step that diverged since the last look, if one did; waits for the device.

        A run diverges where its loss or its gradient's norm is not finite. Any other measure that
        is not finite before that is an error, because a figure would be drawn from it.
        """
        first = self.checked
        history = self._history(first)
        healthy = np.isfinite(history["loss"]) & np.isfinite(history["gradient_norm"])
        diverged = _first(~healthy)
        sound = self.state.step if diverged is None else diverged
        for name in self.columns:
            missing = unmeasured(history[: sound - first], name, self.same_batch_every)
            self._require_none(missing, name)
        if self.run.probe:
            probed = self.probe_table(sound, first).set_index("step")
            stayed = probed["loss"].notna()
            for name in probed.columns:
                self._require_none(stayed & ~np.isfinite(probed[name]), f"the probe's {name}")
        if diverged is None:
            self.checked = self.state.step
        return diverged

    def _history(self, first: int = 0, last: int | None = None) -> pd.DataFrame:
        """Steps [first, last), by default all so far, a row each; waits for the device."""
        last = self.state.step if last is None else last
        rows = self.history[first:last].cpu().numpy()
        return pd.DataFrame(rows, columns=list(self.columns), index=range(first, last))

    def _require_none(self, missing: "pd.Series[bool]", name: str) -> None:
        step = _first(missing)
        if step is not None:
            raise MeasurementError(f"{self.run.id}: {name} is not finite at step {step}")

    def last_loss(self) -> float:
        """The loss of the last step; waits for the device."""
        return float(self.history[self.state.step - 1, self.columns.index("loss")])

    def means(self, first: int, last: int, sizes: np.ndarray) -> tuple[float, float]:
        """(loss, accuracy) over the images of steps [first, last), whose batches had `sizes`."""
        rows = self._history(first, last)
        loss = np.average(rows["loss"], weights=sizes)
        return float(loss), float(rows["correct"].sum() / sizes.sum())

    def steps_table(self, steps: int, steps_per_epoch: int) -> pd.DataFrame:
        """The first `steps` steps; epochs count from 1, a distance at step 0 is null."""
        table = self._history(0, steps)
        table.insert(0, "step", range(steps))
        table.insert(1, "epoch", table["step"] // steps_per_epoch + 1)
        return table.astype({"correct": "int32", "step": "int32", "epoch": "int32"})

    def probe_table(self, steps: int, first: int = 0) -> pd.DataFrame:
        """The probes of steps [first, steps), a row for each (step, step size).

        A step size after which the loss is not finite, or so steep that the gradient's length or
        the curvature is not, has diverged: what lies there is null.
        """
        assert self.run.probe is not None
        sizes = self.run.probe.relative_step_sizes
        measured = [step for step in self.probe_steps if first <= step < steps]
        before = sum(step < first for step in self.probe_steps)
        found = self.probes[before : before + len(measured)]
        rows = found.reshape(-1, len(probes.COLUMNS)).cpu().numpy()
        table = pd.DataFrame(rows, columns=list(probes.COLUMNS))
        sound = np.isfinite(table[["loss", "gradient_distance", "hg_over_g"]]).all(axis=1)
        table.loc[~sound, list(probes.THERE)] = np.nan
        table = table.mask(np.isinf(table))
        table.insert(0, "step", [step for step in measured for _ in sizes])
        relative = list(sizes) * len(measured)
        table.insert(1, "step_size", [size * self.run.learning_rate for size in relative])
        table.insert(2, "relative_step_size", relative)
        return table

    def state_dict(self) -> dict[str, Any]:
        done = self.state.step
        return {
            "history": self.history[:done].clone(),
            "probes": self.probes,
            "gradients": self.gradients,
            "previous": self.previous,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.history[: len(state["history"])] = state["history"]
        self.probes.copy_(state["probes"])
        self.gradients.copy_(state["gradients"])
        self.previous.copy_(state["previous"])


def _first(wrong: "pd.Series[bool]") -> int | None:
    """The label of the first True, or None."""
    labels = wrong.index.to_numpy()[wrong.to_numpy()]
    return int(labels[0]) if len(labels) else None
