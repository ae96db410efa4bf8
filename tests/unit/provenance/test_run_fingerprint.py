"""A run's fingerprint covers what the run executes: a traced run shows what that is."""

import sys
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from landscape.cli.main import main
from landscape.config.architectures import (
    Accurate,
    Compact,
    ConvNet,
    Fast,
    Mlp,
    ResNet18,
    Speedrun,
    Vgg,
)
from landscape.config.recipes import MODULES, Augmentation, Optimizer
from landscape.config.runs import PlainRun, ProbeSchedule, Run, Split
from landscape.provenance import fingerprint as fingerprints
from landscape.provenance import run_fingerprint
from landscape.provenance.fingerprint import PACKAGE, closure
from landscape.provenance.run_fingerprint import (
    NOT_FINGERPRINTED,
    is_explained,
    training_code,
    training_modules,
)
from support.runs import a_run

MUON = {"name": "muon", "momentum": 0.6, "vector_learning_rate": 0.1, "head_learning_rate": 0.1}
SPLIT = Split(train_images=20, validation_images=10)


def tiny(**changes: Any) -> Run:
    return a_run(
        **{
            "architecture": Mlp(neurons=4),
            "learning_rate": 1e-3,
            "batch_size": 10,
            "epochs": 1,
            "split": SPLIT,
            "device": "cpu",
            **changes,
        }
    )


def network(architecture: Any) -> Run:
    return tiny(study="network", name="x", gradient_lags=(), architecture=architecture)


RUNS: dict[str, Run | PlainRun] = {
    "vgg_a": tiny(architecture=Vgg(name="vgg_a", width=0.05)),
    "vgg_a_bn": tiny(architecture=Vgg(name="vgg_a_bn", width=0.05)),
    "mlp": network(Mlp(neurons=4)),
    "convnet": network(ConvNet(filters=2, neurons=4)),
    "compact": network(Compact(width=0.1)),
    "fast": network(Fast(width=0.05)),
    "accurate": network(Accurate(width=0.05, blocks=1)),
    "speedrun": network(Speedrun()),
    "resnet18": network(ResNet18()).model_copy(update={"tested": False}),  # it takes seconds
    **{
        name: tiny(optimizer=Optimizer.model_validate(MUON if name == "muon" else {"name": name}))
        for name in MODULES
    },
    "SAM": tiny(optimizer=Optimizer(name="sgd", sharpness_radius=0.1)),
    "augmented": tiny(augmentation=Augmentation(flip="random", mixup=0.5), average_decay=0.9),
    "probe": tiny(study="probe", probe=ProbeSchedule(every=1, relative_step_sizes=(0.5,))),
    "plain": PlainRun(
        filters=2,
        neurons=4,
        learning_rate=0.01,
        momentum=0.9,
        weight_decay=0.001,
        batch_size=10,
        epochs=1,
        seed=0,
        split=SPLIT,
        device="cpu",
    ),
}
# What is imported on demand: the modules that the settings name.
ON_DEMAND = {
    module
    for run in RUNS.values()
    if isinstance(run, Run)
    for module in (run.architecture.module, *run.optimizer.modules)
}
ALL = closure("training.job", "plain.job", *ON_DEMAND)


@pytest.fixture(scope="session")
def executed(results: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The modules of which a function is called while `python -m landscape train` works."""
    found = {}
    for name, run in RUNS.items():
        folder = tmp_path_factory.mktemp("traced")
        (folder / "data").symlink_to(results / "data")
        found[name] = traced(run, folder)
        assert (folder / run.id / "run.json").exists()
    return found


def traced(run: Run | PlainRun, folder: Path) -> set[str]:
    files: set[str] = set()

    def look(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_name != "<module>":
            files.add(frame.f_code.co_filename)

    command = ["train", run.id, "--results", str(folder), "--threads", "1"]
    sys.setprofile(look)
    try:
        assert main([*command, "--settings", run.model_dump_json()]) == 0
    finally:
        sys.setprofile(None)
    inside = (Path(file) for file in files if file.startswith(f"{PACKAGE}/"))
    return {named(path) for path in inside}


def named(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("name", RUNS)
def test_every_module_that_a_run_executes_is_fingerprinted_or_explained(
    executed: dict[str, set[str]], name: str
) -> None:
    left = executed[name] - training_modules(RUNS[name])
    assert {module for module in left if not is_explained(module)} == set()
    assert "training.session" in executed[name]


@pytest.mark.parametrize("name", RUNS)
def test_a_network_or_an_optimizer_that_a_run_does_not_execute_is_not_fingerprinted(
    executed: dict[str, set[str]], name: str
) -> None:
    own = training_modules(RUNS[name]) & closure(*ON_DEMAND) - closure("training.job")
    assert {module for module in own if functions(module)} <= executed[name]


def functions(module: str) -> bool:
    path = fingerprints.path_of(module)
    assert path is not None
    return "def " in path.read_text("utf-8")


def test_what_is_left_out_is_there_to_be_left_out(executed: dict[str, set[str]]) -> None:
    """An entry of the list that explains nothing would hide a module of that name."""
    everything = ALL.union(*executed.values())
    for name in NOT_FINGERPRINTED:
        assert any(f"{module}.".startswith(f"{name}.") for module in everything), name


def test_the_training_job_imports_no_network_and_no_optimizer() -> None:
    assert not closure("training.job") & ON_DEMAND


@cache
def code(name: str) -> str:
    return training_code(RUNS[name])


@pytest.mark.parametrize("module", sorted(ALL))
def test_an_edit_makes_stale_exactly_the_runs_that_depend_on_the_module(
    executed: dict[str, set[str]], monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    before = {name: code(name) for name in RUNS}
    meaning = fingerprints._meaning
    monkeypatch.setattr(
        fingerprints, "_meaning", lambda name: meaning(name) + "\nx = 1" * (name == module)
    )
    monkeypatch.setattr(run_fingerprint, "_digest", fingerprints.digest)
    stale = {name for name in RUNS if training_code(RUNS[name]) != before[name]}
    runs = {name for name in RUNS if module in executed[name]}
    if is_explained(module):
        assert stale == set()
    elif module in closure("training.job"):
        assert stale >= set(RUNS) - {"plain"}  # whoever imports a module may use its constants
    elif functions(module):
        assert stale == runs
