"""Steps replayed as CUDA graphs are the steps of the trajectory, bit for bit."""

from collections import Counter

import pytest
import torch

from landscape.config.recipes import Optimizer
from landscape.config.runs import Run
from landscape.data.batches import Batches
from landscape.optimizers import registry as optimizers
from landscape.training import cuda_graphs
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

    def walk(self, capture: cuda_graphs.Capture) -> None:
        stepper = cuda_graphs.Stepper(
            self.run, self.state, self.batches, self.recorder, STEPS, capture, stream=None
        )
        while self.state.step < STEPS:
            stepper.step()

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


def test_what_cannot_be_captured_goes_on_step_by_step(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(body: cuda_graphs.Body, chosen: torch.Tensor) -> cuda_graphs.Body:
        raise RuntimeError("CUDA error: operation not permitted\nmore lines")

    it = Started(RUNS["bands"], "cpu")
    it.walk(refuse)
    assert_same(it.outcome(), eager(RUNS["bands"], "cpu"))
    said = capsys.readouterr().err.splitlines()
    assert said
    assert all(line.endswith("operation not permitted") for line in said)


def test_runs_that_draw_at_every_step_are_not_replayed() -> None:
    assert not cuda_graphs.possible(RUNS["bands"], State(RUNS["bands"], torch.device("cpu")))
    assert optimizers.capturable(Optimizer(name="adam"))
    assert not optimizers.capturable(Optimizer(name="adagrad"))
    assert not optimizers.capturable(Optimizer(name="adam", sharpness_radius=0.05))


@needs_cuda
@pytest.mark.parametrize("name", RUNS)
def test_captured_steps_are_the_eager_ones_bit_for_bit(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    it = Started(RUNS[name], "cuda")
    assert cuda_graphs.possible(it.run, it.state)
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
