"""The session on a lent machine: what is done is kept, and no limit is overrun."""

import importlib.util
import json
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from landscape.bench import collect
from landscape.config.study import Study
from landscape.errors import UserError
from support.artefacts import ROOT

TRAINED = {  # of the final networks, one that trains in a second
    "split": {"train_images": 130, "validation_images": 20, "seed": 0},
    "plain": None,
    "insight": None,
    "final_seeds": [0, 1],
}
FAST = {"architecture": {"width": 0.05}, "epochs": 2, "batch_size": 50}
FAST["optimizer"] = {"vector_learning_rate": 0.1, "head_learning_rate": 0.1}


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gpu_session", ROOT / "scripts/gpu_session.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_session_stays_within_its_limit_and_the_next_goes_on(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "GRACE_SECONDS", 1.0)
    monkeypatch.setattr(script, "LARGEST_SHARE", 1.0)
    todo = [("good", ["echo", "said"]), ("bad", ["false"])]
    todo += [("endless", ["sh", "-c", "sleep 600 & echo $!; wait"]), ("late", ["true"])]
    found = script.session(todo, tmp_path, 5.0)
    assert {name: step["ended"] for name, step in found.items()} == {
        "good": "well",
        "bad": "failed with exit code 1",
        "endless": "stopped: no time",
        "late": "left out: no time",
    }
    assert json.loads((tmp_path / "session.json").read_text("utf-8")) == found
    assert (tmp_path / "session/good.log").read_text("utf-8") == "said\n"
    child = int((tmp_path / "session/endless.log").read_text("utf-8"))
    assert not _runs(child)  # of the step's process: all of its group is stopped
    (tmp_path / "session/good.log").unlink()
    again = script.session([("good", ["false"]), ("late", ["true"])], tmp_path, 60.0)
    assert again["good"] == found["good"]
    assert again["late"]["ended"] == "well"


def _runs(pid: int) -> bool:
    """Whether it still does; the process that adopts it may take a moment to bury it."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
        except OSError:
            return False
        if state == "Z":
            return False
        time.sleep(0.02)
    return True


@pytest.mark.slow
def test_the_session_in_miniature(
    script: ModuleType, folder: Path, tiny: Study, tiny_content: dict[str, Any], tmp_path: Path
) -> None:
    """Two of its parts for real, on a CPU; the parts of all are those of the benchmark."""
    whole = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))["network"]
    finals = dict.fromkeys(whole["finals"]) | {"fast": FAST}
    network = TRAINED | {
        "sweeps": dict.fromkeys(whole["sweeps"]),
        "ablations": dict.fromkeys(whole["ablations"]),
        "finals": finals,
    }
    settings = tmp_path / "tiny.yaml"
    settings.write_text(yaml.safe_dump({**tiny_content, "network": network}), "utf-8")
    todo = list(script.steps(folder, None, [settings]))
    names = [name for name, _ in todo]
    assert names[0] == "tests"  # the images are there
    with pytest.raises(UserError, match="there are (.*)") as refused:
        collect.bench(tiny, folder, 1, 1, 0.01, wanted=["none"])
    assert set(names[1:]) == set(str(refused.value).partition("there are ")[2].split(", "))
    some = [step for step in todo if step[0] in ("sprints", "help_seconds")]
    found = script.session(some, folder, 600.0)
    said = {name: (folder / f"session/{name}.log").read_text("utf-8") for name in found}
    assert {step["ended"] for step in found.values()} == {"well"}, said
    measured = json.loads((folder / "bench/parts.json").read_text("utf-8"))
    assert [row["network"] for row in measured["sprints"]] == ["fast"]
    assert measured["sprints"][0]["seeds"] == [0, 1]
    assert measured["help_seconds"] > 0
    assert sys.executable in some[0][1]
