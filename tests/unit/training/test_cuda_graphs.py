"""Steps replayed as CUDA graphs are the steps of the trajectory, bit for bit."""

from collections import Counter
from unittest.mock import Mock

import pytest
import torch

from landscape.config.recipes import Optimizer
from landscape.config.runs import Run
from landscape.data.batches import Batches
from landscape.training import cuda_graphs
from landscape.training import trajectory as trajectories
from landscape.training.recorder import Recorder
from landscape.training.trajectory import State, trajectory
from support.runs import RUNS, a_run, images

STEPS = 48
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


class Started:
    """A run ready to go, and what is left of it at the end."""

    def __init__(self, run: Run, device: str):
        self.run = run
        self.batches = Batches(images(device), run.batch_size, run.seed, device, run.augmentation)
        self.state = State(run, torch.device(device))
        self.recorder = Recorder(run, self.state, STEPS)

    def walk(self, capture: cuda_graphs.Capture, steps: int = STEPS) -> cuda_graphs.Captured:
        stepper = cuda_graphs.Stepper(
            self.run, self.state, self.batches, self.recorder, STEPS, capture, stream=None
        )
        while self.state.step < steps:
            stepper.step()
        return stepper.outcome()

    def outcome(self) -> dict[str, torch.Tensor]:
        found = {
            "parameters": self.state.flat.vector,
            "history": self.recorder.history,
            "probes": self.recorder.probes,
            **dict(self.state.model.named_buffers()),
        }
        return found | {f"average {k}": v for k, v in (self.state.average or {}).items()}


def eager(run: Run, device: str) -> dict[str, torch.Tensor]:
    it = Started(run, device)
    for step in trajectory(run, it.state, it.batches, STEPS):
        it.recorder.observe(step)
    return it.outcome()


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in found.items():
        torch.testing.assert_close(
            tensor,
            expected[name],
            rtol=0,
            atol=0,
            equal_nan=True,
            msg=lambda m, n=name: f"{n}: {m}",
        )


class Frozen:
    """Stands for a capture where there is no CUDA: the step's number stays what it was then."""

    def __init__(self, state: State):
        self.state = state
        self.captures = 0
        self.replays: Counter[int] = Counter()

    def __call__(self, body: cuda_graphs.Body, chosen: torch.Tensor) -> cuda_graphs.Body:
        self.captures += 1
        then, images = self.state.step, chosen.clone()

        def replay(chosen: torch.Tensor) -> None:
            images.copy_(chosen)
            self.replays[then] += 1
            now, self.state.step = self.state.step, then
            body(images)
            self.state.step = now

        return replay


@pytest.mark.parametrize("name", RUNS)
def test_what_is_frozen_at_the_capture_changes_nothing(name: str) -> None:
    it = Started(RUNS[name], "cpu")
    capture = Frozen(it.state)
    it.walk(capture)
    assert capture.captures >= 2
    assert sum(capture.replays.values()) >= STEPS // 3
    assert_same(it.outcome(), eager(RUNS[name], "cpu"))


def test_a_kind_that_leaves_something_out_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_graphs.Stepper, "_kind", lambda self, chosen, index: len(chosen))
    it = Started(RUNS["bands"], "cpu")
    it.walk(Frozen(it.state))
    with pytest.raises(AssertionError):
        assert_same(it.outcome(), eager(RUNS["bands"], "cpu"))


def test_the_seed_of_what_is_dropped_is_set_before_every_replay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: with one seed for all steps the comparison above fails."""
    monkeypatch.setattr(trajectories, "seed_global", lambda seed, purpose, step: None)
    it = Started(RUNS["dropout"], "cpu")
    it.walk(Frozen(it.state))
    monkeypatch.undo()
    with pytest.raises(AssertionError):
        assert_same(it.outcome(), eager(RUNS["dropout"], "cpu"))


class Refusing(Frozen):
    """Fails to capture the first kinds of steps, as torch does: while it ends the capture."""

    def __init__(self, state: State, failures: int):
        super().__init__(state)
        self.failures = failures

    def __call__(self, body: cuda_graphs.Body, chosen: torch.Tensor) -> cuda_graphs.Body:
        if self.failures == 0:
            return super().__call__(body, chosen)
        self.failures -= 1
        try:
            raise RuntimeError("a sync is not permitted\nmore lines")
        except RuntimeError:
            raise RuntimeError("capture was invalidated")  # noqa: B904 (as torch does)


@pytest.mark.parametrize(("failures", "kinds"), [(0, "all"), (1, "part"), (100, "none")])
def test_what_cannot_be_captured_runs_step_by_step_and_says_why(
    failures: int, kinds: str, capsys: pytest.CaptureFixture[str]
) -> None:
    it = Started(RUNS["bands"], "cpu")
    found = it.walk(Refusing(it.state, failures))
    assert_same(it.outcome(), eager(RUNS["bands"], "cpu"))
    assert found.kinds == kinds
    assert found.reason == ("a sync is not permitted" if failures else None)
    said = capsys.readouterr().err.splitlines()
    assert bool(said) == bool(failures)
    assert all(line.endswith(": a sync is not permitted") for line in said)


def test_a_run_too_short_for_a_capture_says_so() -> None:
    it = Started(RUNS["bands"], "cpu")
    found = it.walk(Frozen(it.state), steps=3)
    assert found == cuda_graphs.Captured("none", "too few steps of any kind")


def test_what_cannot_be_replayed_is_named() -> None:
    assert obstacle(RUNS["bands"], "cpu") == "not on a CUDA device"
    for name in RUNS:
        assert obstacle(RUNS[name], "cuda") is None
    adagrad = a_run(optimizer=Optimizer(name="adagrad"))
    assert obstacle(adagrad, "cuda") == "adagrad counts its steps on the host"
    both = RUNS["dropout"].model_copy(update={"optimizer": RUNS["SAM"].optimizer})
    assert str(obstacle(both, "cuda")).startswith("SAM's second pass")


def obstacle(run: Run, device: str) -> str | None:
    state = State(run, torch.device("cpu"))
    state.flat.vector = Mock(device=torch.device(device))
    return cuda_graphs.obstacle(run, state)


@needs_cuda
@pytest.mark.parametrize("name", RUNS)
def test_captured_steps_are_the_eager_ones_bit_for_bit(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    it = Started(RUNS[name], "cuda")
    assert cuda_graphs.obstacle(it.run, it.state) is None
    cuda_graphs.walk(it.run, it.state, it.batches, it.recorder, STEPS)
    assert "not captured" not in capsys.readouterr().err
    assert_same(it.outcome(), eager(RUNS[name], "cuda"))


@needs_cuda
@pytest.mark.parametrize(
    "optimizer",
    ["adam", "adamw", "sgd", "rmsprop", "our_sgd", "our_adamw"],
)
def test_every_capturable_optimizer_is_captured(
    optimizer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = a_run(optimizer=Optimizer.model_validate({"name": optimizer}))
    it = Started(run, "cuda")
    cuda_graphs.walk(run, it.state, it.batches, it.recorder, STEPS)
    assert "not captured" not in capsys.readouterr().err
    assert_same(it.outcome(), eager(run, "cuda"))
