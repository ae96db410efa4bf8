"""The path to a GPU, driven without one: torch's own host code on a CUDA runtime that is none.

Numbers mean nothing there, because kernels do nothing. The calls are real: every step of every kind
of run is captured, waits for nothing, and stays as short as it was.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from support.artefacts import ROOT

HERE = Path(__file__).parent
Found = dict[str, dict[str, Any]]


def load(name: str) -> ModuleType:
    """A module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(f"cuda_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cases, stubs = load("cases"), load("stubs")
PLANTED = {
    "a wait for the device": "bands, float32",
    "a copy from the host": "bands, float32",
    "a tensor on the other device": "bands, float32",
    "a shift without a scale": "fast",
}


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which torch finds a card."""
    if torch.version.cuda is None:
        pytest.skip("this torch is built without CUDA: there is no host code of a GPU to drive")
    for tool in ("g++", "nm"):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool}: the stand-in for CUDA's runtime cannot be built")
    headers = include()
    if headers is None:
        pytest.skip("no CUDA headers beside torch: the stand-in cannot be built")
    folder, torch_folder = tmp_path_factory.mktemp("stand-in"), Path(torch.__file__).parent / "lib"
    runtime = HERE / "runtime.cpp"
    libraries, driver = folder / "libraries.cpp", folder / "driver.cpp"
    libraries.write_text(stubs.libraries(torch_folder, runtime.read_text("utf-8")))
    driver.write_text(stubs.driver(torch_folder))
    build = ["g++", "-w", "-O0", "-shared", "-fPIC", f"-I{headers}"]
    subprocess.run([*build, runtime, libraries, "-o", folder / "runtime.so"], check=True)
    subprocess.run([*build, driver, "-o", folder / "libcuda.so.1"], check=True)
    return {
        **os.environ,
        "LD_PRELOAD": str(folder / "runtime.so"),
        "LD_LIBRARY_PATH": str(folder),
        "TORCH_CUDNN_V8_API_DISABLED": "1",  # its plans come from cuDNN itself, not from a stub
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "workflow"), str(ROOT / "tests")]),
    }


def include() -> Path | None:
    """The folder of CUDA's headers that came with torch."""
    packages = Path(torch.__file__).parents[1]
    folders = [*packages.glob("nvidia/*/include"), packages / "triton/backends/nvidia/include"]
    names = ("cuda_runtime_api.h", "crt/host_defines.h")
    whole = (f for f in folders if all((f / name).exists() for name in names))
    return next(whole, None)


@pytest.fixture(scope="session")
def found(stand_in: dict[str, str]) -> Found:
    """What every case left, by its name; faults by theirs."""
    wanted = [(name, name, None) for name in cases.RUNS]
    wanted += [(fault, name, fault) for fault, name in PLANTED.items()]
    content = [
        {"name": name, "run": cases.RUNS[run].model_dump(mode="json"), "fault": fault}
        for name, run, fault in wanted
    ]
    done = subprocess.run(
        [sys.executable, HERE / "drive.py"],
        input=json.dumps(content),
        env=stand_in,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["name"]: row for row in rows}


@pytest.mark.parametrize("name", [name for name in cases.RUNS if name not in cases.NOT_CAPTURED])
def test_every_kind_of_step_is_captured_and_waits_for_nothing(found: Found, name: str) -> None:
    row = found[name]
    assert "error" not in row, row["error"]
    assert row["violations"] == []
    assert row["kinds"] == ["all"], row["reason"]
    assert row["said"] == ""
    assert row["replays"] >= 8
    assert row["syncs"] == 0


@pytest.mark.parametrize("name", sorted(cases.NOT_CAPTURED))
def test_what_is_not_captured_is_known_before(found: Found, name: str) -> None:
    assert "on the host" in found[name]["obstacle"]


@pytest.mark.parametrize("name", cases.MOST_NODES)
def test_a_captured_step_does_not_grow(found: Found, name: str) -> None:
    nodes, (smallest, largest) = found[name]["nodes"], cases.MOST_NODES[name]
    assert 0 < min(nodes) <= smallest
    assert max(nodes) <= largest


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(found: Found, fault: str) -> None:
    """The control: each of these is something that the tests above exist to find."""
    row = found[fault]
    assert row.get("error") or row["kinds"] == ["none"]


TIMED = """
import json, sys
from pathlib import Path
import torch
from landscape.bench import sprints
from landscape.config.runs import Run
run = Run.model_validate_json(sys.argv[1])
print(json.dumps(sprints.timed([run], Path(sys.argv[2]), torch.device("cuda"))))
"""


def test_the_benchmark_times_whole_trainings_on_a_card(
    stand_in: dict[str, str], results: Path
) -> None:
    changes = {"batch_size": 50, "test_time_augmentation": True, "name": "final/fast"}
    run = cases.RUNS["fast, everything"].model_copy(update=changes)
    command = [sys.executable, "-c", TIMED, run.model_dump_json(), str(results)]
    done = subprocess.run(command, env=stand_in, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["captured"] == ["all"]
    for part in ("start", "steps", "six_views"):
        assert found[f"{part}_seconds"] == pytest.approx([0.001])  # as its events say
