"""Steps replayed as CUDA graphs are the steps of the trajectory, bit for bit."""

from importlib import import_module
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch

from landscape.config.recipes import Optimizer
from landscape.config.runs import Run
from landscape.models.network import Network
from landscape.optimizers import registry as optimizers
from landscape.training import cuda_graphs
from landscape.training import trajectory as trajectories
from landscape.training.trajectory import State
from support.runs import RUNS, a_run
from support.steps import NOT_CAPTURED, SHORT_RUNS, STEPS, Started, assert_same, eager, short
from support.tape import Tape


@pytest.fixture
def as_on_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an update reads anew lies in tensors, and its kernels are for many tensors at once."""

    def build(settings: Optimizer, model: Network, rate: float) -> torch.optim.Optimizer:
        optimizer = optimizers.build(settings, model, rate)
        for group in optimizer.param_groups:
            group["lr"] = torch.tensor(group["lr"])
            if "capturable" in group:
                group["capturable"] = True
            if "foreach" in group and not group.get("fused"):
                group["foreach"] = True
        return optimizer

    monkeypatch.setattr(
        trajectories, "optimizers", SimpleNamespace(**{**vars(optimizers), "build": build})
    )
    rmsprop = import_module("torch.optim.rmsprop")
    monkeypatch.setattr(rmsprop, "_get_capturable_supported_devices", lambda **_: ["cpu"])
    monkeypatch.setattr(cuda_graphs, "WARM_UP", 1)


@pytest.mark.parametrize("name", RUNS)
def test_replayed_steps_are_the_eager_ones_bit_for_bit(name: str, as_on_a_card: None) -> None:
    it, tape = Started(RUNS[name], "cpu"), Tape()
    it.walk(tape)
    assert tape.captures >= 2
    assert tape.replays >= STEPS // 2
    assert_same(it.outcome(), eager(RUNS[name], "cpu"))


LARGE = pytest.param("resnet18", marks=pytest.mark.slow)
CAPTURED = [
    LARGE if name == "resnet18" else name for name in SHORT_RUNS if name not in NOT_CAPTURED
]


@pytest.mark.parametrize("name", CAPTURED)
def test_every_network_and_optimizer_replays_bit_for_bit(name: str, as_on_a_card: None) -> None:
    tape = Tape()
    found = short(SHORT_RUNS[name], tape)
    assert (tape.captures, tape.replays) == (2, 9)  # all but one step of each kind, and the first
    assert_same(found, short(SHORT_RUNS[name], None))


def test_what_is_drawn_on_the_host_is_noticed(as_on_a_card: None) -> None:
    """Which is why such a run goes step by step."""
    run = SHORT_RUNS["vgg_a_bn_noise"]
    with pytest.raises(AssertionError):
        assert_same(short(run, Tape()), short(run, None))


def test_a_learning_rate_outside_a_tensor_is_noticed(
    as_on_a_card: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = short(SHORT_RUNS["our_sgd"], None)
    monkeypatch.setattr(trajectories, "optimizers", optimizers)
    with pytest.raises(AssertionError):
        assert_same(short(SHORT_RUNS["our_sgd"], Tape()), expected)


def test_an_average_that_is_replaced_is_noticed(
    as_on_a_card: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = short(SHORT_RUNS["our_sgd"], None)

    def replaced(state: State) -> None:
        live, share = state._live(), state.average_share
        state.average = {n: v.lerp(live[n], share) for n, v in (state.average or {}).items()}

    monkeypatch.setattr(State, "update_average", replaced)
    with pytest.raises(AssertionError):
        assert_same(short(SHORT_RUNS["our_sgd"], Tape()), expected)


def test_a_kind_that_leaves_something_out_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_graphs.Stepper, "_kind", lambda self, chosen, index: len(chosen))
    it = Started(RUNS["bands"], "cpu")
    it.walk(Tape())
    with pytest.raises(AssertionError):
        assert_same(it.outcome(), eager(RUNS["bands"], "cpu"))


def test_the_seed_of_what_is_dropped_is_set_before_every_replay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: with one seed for all steps the comparison above fails."""
    monkeypatch.setattr(trajectories, "seed_global", lambda seed, purpose, step: None)
    it = Started(RUNS["dropout"], "cpu")
    it.walk(Tape())
    monkeypatch.undo()
    with pytest.raises(AssertionError):
        assert_same(it.outcome(), eager(RUNS["dropout"], "cpu"))


class Refusing(Tape):
    """Fails to capture the first kinds of steps, as torch does: while it ends the capture."""

    def __init__(self, failures: int):
        super().__init__()
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
    found = it.walk(Refusing(failures))
    assert_same(it.outcome(), eager(RUNS["bands"], "cpu"))
    assert found.kinds == kinds
    assert found.reason == ("a sync is not permitted" if failures else None)
    said = capsys.readouterr().err.splitlines()
    assert bool(said) == bool(failures)
    assert all(line.endswith(": a sync is not permitted") for line in said)


def test_a_run_too_short_for_a_capture_says_so() -> None:
    it = Started(RUNS["bands"], "cpu")
    found = it.walk(Tape(), until=3)
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
