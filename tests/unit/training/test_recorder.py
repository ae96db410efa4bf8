"""The recorder looks at every step once, and names the step at which something is wrong."""

from collections.abc import Iterator

import pytest
import torch

from landscape.data.batches import Batches
from landscape.measure import probe
from landscape.training.recorder import MeasurementError, Recorder
from landscape.training.trajectory import State, trajectory
from support.runs import RUNS, images

NAN = float("nan")


@pytest.fixture
def recorder() -> Recorder:
    run = RUNS["probe"]
    return Recorder(run, State(run, torch.device("cpu")), steps=20)


@pytest.fixture
def walk(recorder: Recorder) -> Iterator[None]:
    """Each `next` makes five steps."""
    run, state = recorder.run, recorder.state
    steps = trajectory(run, state, Batches(images("cpu"), run.batch_size, run.seed), 20)

    def five() -> Iterator[None]:
        for step in steps:
            recorder.observe(step)
            if step.index % 5 == 0 and step.index:
                yield

    return five()


def test_what_was_found_healthy_is_not_read_again(recorder: Recorder, walk: Iterator[None]) -> None:
    next(walk)
    assert recorder.check() is None
    recorder.history[: recorder.state.step] = NAN
    recorder.probes[0] = NAN
    next(walk)
    assert recorder.check() is None


def test_a_divergence_is_named_by_its_step(recorder: Recorder, walk: Iterator[None]) -> None:
    next(walk)
    assert recorder.check() is None
    next(walk)
    recorder.history[8, 0] = NAN
    assert recorder.check() == 8
    assert recorder.check() == 8


@pytest.mark.parametrize(
    ("column", "step"), [("parameter_norm", 8), ("beta", 7), ("gradient_distance", 6)]
)
def test_a_measure_that_is_not_finite_is_named_by_its_step(
    recorder: Recorder, walk: Iterator[None], column: str, step: int
) -> None:
    next(walk)
    assert recorder.check() is None
    next(walk)
    recorder.history[step, recorder.columns.index(column)] = NAN
    with pytest.raises(MeasurementError, match=f"{column} is not finite at step {step}"):
        recorder.check()


def test_a_probe_that_is_not_finite_is_named_by_its_step(
    recorder: Recorder, walk: Iterator[None]
) -> None:
    next(walk)
    assert recorder.check() is None
    next(walk)
    recorder.probes[2, :, probe.COLUMNS.index("gradient_norm")] = (
        NAN  # of step 6: one of every three is probed
    )
    with pytest.raises(MeasurementError, match="gradient_norm is not finite at step 6"):
        recorder.check()


def test_a_step_carries_the_point_and_the_gradient() -> None:
    run = RUNS["bands"]
    state = State(run, torch.device("cpu"))
    for step in trajectory(run, state, Batches(images("cpu"), run.batch_size, run.seed), 2):
        loss = torch.nn.functional.cross_entropy(state.model(step.inputs), step.labels)
        expected = torch.autograd.grad(loss, list(state.model.parameters()))
        views = state.flat.views(step.gradient).values()
        for view, piece in zip(views, expected, strict=True):
            torch.testing.assert_close(view, piece)
        assert step.parameters is state.flat.vector
