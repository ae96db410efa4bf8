"""Cards are handed out one to a holder, in order, and nothing is left of one that was killed."""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from artefacts import ROOT
from landscape.runtime import locks

LISTED = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaa)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-bbb)
  MIG 3g.40gb     Device  0: (UUID: MIG-one)
  MIG 3g.40gb     Device  1: (UUID: MIG-two)
"""
# Says when it holds a card, and holds it until its input ends.
HOLDER = """
import os, sys
from pathlib import Path
from landscape import lease
results, name, places, *cards = sys.argv[1:]
with lease.gpu(Path(results), name, int(places), cards):
    print(name, os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def no_gpus_of_our_own(monkeypatch):
    for name in (locks.VISIBLE, "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hold(tmp_path):
    """Start a process that asks for a card; it ends with the test."""
    started = []

    def start(name: str, *cards: str, places: int = 1) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path), name, str(places), *cards],
            env={**os.environ, "PYTHONPATH": str(ROOT / "workflow")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def waiting(results: Path) -> list[str]:
    """The holders of tickets, in their order."""
    found = sorted(results.glob(f"{locks.FOLDER}/*/waiting/*"))
    return [json.loads(path.read_text("utf-8") or "{}").get("holder") for path in found]


def python(code: str, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.check_output(command, env=environment, cwd=ROOT, text=True)


def until(condition, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_cards_are_those_that_cuda_would_see(monkeypatch):
    for text, names in {"0,1": ["0", "1"], "GPU-a": ["GPU-a"], "": [], "2,-1,3": ["2"]}.items():
        monkeypatch.setenv(locks.VISIBLE, text)
        assert locks.cards() == names


def test_a_card_cut_into_parts_counts_as_its_parts():
    assert locks.installed(LISTED) == ["GPU-aaa", "MIG-one", "MIG-two"]
    assert locks.installed("NVIDIA-SMI has failed because …\n") == []


def test_the_installed_cards_are_nvidia_smi_s(monkeypatch, tmp_path):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ntest $1 = -L && cat <<END\n{LISTED}END\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert locks.cards() == ["GPU-aaa", "MIG-one", "MIG-two"]


def test_slurm_has_handed_them_out_already(monkeypatch, tmp_path):
    monkeypatch.setenv(locks.VISIBLE, "0")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with locks.gpu(tmp_path, "run"):
        assert os.environ[locks.VISIBLE] == "0"
    assert not (tmp_path / locks.FOLDER).exists()


def test_of_several_that_slurm_has_given_one_job_each_run_gets_one(monkeypatch, tmp_path):
    """`salloc --gpus=2`, and then `make study GPUS=2` in it; Slurm numbers them from 0 on."""
    monkeypatch.setenv(locks.VISIBLE, "0,1")
    for job in ("7", "8"):
        monkeypatch.setenv("SLURM_JOB_ID", job)
        with locks.gpu(tmp_path, "first"):
            first = os.environ[locks.VISIBLE]
            monkeypatch.setenv(locks.VISIBLE, "0,1")  # as another process has it
            with locks.gpu(tmp_path, "second"):
                assert {first, os.environ[locks.VISIBLE]} == {"0", "1"}
            folders = [path.name for path in (tmp_path / locks.FOLDER).iterdir()]
            assert f"{platform.node()}-job{job}" in folders


def test_without_cards_nothing_happens(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with locks.gpu(tmp_path, "run"):
        assert locks.VISIBLE not in os.environ
    assert not (tmp_path / locks.FOLDER).exists()


def test_what_was_visible_is_visible_again(monkeypatch, tmp_path):
    monkeypatch.setenv(locks.VISIBLE, "3,5")
    with locks.gpu(tmp_path, "a"):
        assert os.environ[locks.VISIBLE] == "3"
        with locks.gpu(tmp_path, "b", among=["3", "5"]):
            assert os.environ[locks.VISIBLE] == "5"
    assert os.environ[locks.VISIBLE] == "3,5"


def test_every_job_gets_a_card_of_its_own(hold):
    holders = [hold(name, "x", "y", "z") for name in "abc"]
    assert {holder.stdout.readline().split()[1] for holder in holders} == {"x", "y", "z"}


def test_more_places_than_cards_share_them_evenly(hold, tmp_path):
    holders = [hold(f"{k}", "x", "y", places=4) for k in range(4)]
    held = [holder.stdout.readline().split()[1] for holder in holders]
    assert sorted(held) == ["x", "x", "y", "y"]
    hold("too many", "x", "y", places=4)
    until(lambda: waiting(tmp_path) == ["too many"])


def test_waiting_is_fair_says_for_whom_and_outlives_a_kill(hold, tmp_path):
    first = hold("first", "x")
    assert first.stdout.readline() == "first x\n"
    line = []
    for name in "abc":
        line.append(hold(name, "x"))
        until(lambda name=name: waiting(tmp_path)[-1:] == [name])
    assert waiting(tmp_path) == ["a", "b", "c"]
    a, b, c = line
    said = a.stderr.readline()
    assert said.startswith(f"a: waits for a GPU. x is held by first (process {first.pid} on ")
    b.kill()
    assert b.wait() == -signal.SIGKILL
    first.kill()  # its share is the kernel's to free
    assert a.stdout.readline() == "a x\n"
    assert c.poll() is None
    until(lambda: waiting(tmp_path) == ["b", "c"])
    a.stdin.close()
    assert c.stdout.readline() == "c x\n"
    assert waiting(tmp_path) == []


def test_a_run_is_one_process_s_at_a_time(tmp_path):
    with locks.run(tmp_path, "bands/a/lr0.1/seed0") as waited:
        assert not waited
        code = (
            "import sys; from pathlib import Path; from landscape.runtime import locks as lease\n"
            "with lease.run(Path(sys.argv[1]), sys.argv[2]) as waited: print(waited)"
        )
        other = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), "bands/a/lr0.1/seed0"],
            env={**os.environ, "PYTHONPATH": str(ROOT / "workflow")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = other.stderr.readline()
        assert f"(process {os.getpid()} on " in said
        with locks.run(tmp_path, "bands/a/lr0.1/seed1") as waited:
            assert not waited
    assert other.communicate(timeout=20)[0] == "True\n"


def test_locks_are_open_to_whom_the_results_are_open(tmp_path):
    results = tmp_path / "shared"
    results.mkdir()
    results.chmod(0o2775)
    with locks.gpu(results, "run", among=["x"]):
        folders = [results / locks.FOLDER, *(results / locks.FOLDER).glob("*")]
        assert {path.stat().st_mode & 0o7777 for path in folders} == {0o2775}
        files = list((results / locks.FOLDER).glob("*/*.lock"))
        assert len(files) == 2
        assert {path.stat().st_mode & 0o7777 for path in files} == {0o664}


def test_the_module_is_light():
    code = (
        "import sys, landscape.runtime.locks, landscape.runtime.slurm\n"
        "print({'torch', 'pandas'} & {*sys.modules})"
    )
    assert python(code) == "set()\n"


@pytest.mark.parametrize("stage", ["train", "insight", "bench"])
def test_stages_on_gpus_ask_before_torch_is_there(stage, tmp_path):
    rest = ["bands/vgg_a/lr0.001/seed0"] if stage == "train" else []
    code = (
        "import sys\n"
        "from landscape.cli import main as __main__; from landscape.runtime import locks as lease\n"
        "def gpu(results, holder, places):\n"
        "    print(holder, places, 'torch' in sys.modules)\n"
        "    sys.exit()\n"
        "lease.gpu = gpu\n"
        "__main__.main(sys.argv[1:])"
    )
    said = python(code, stage, *rest, "--results", str(tmp_path), "--places", "3")
    assert said == f"{(rest or [stage])[0]} 3 False\n"
