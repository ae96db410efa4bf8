"""Cards are handed out one to a holder, and a killed holder leaves nothing behind."""

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from landscape.runtime.locks import gpu, run
from support.artefacts import ROOT, next_line

LISTED = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaa)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-bbb)
  MIG 3g.40gb     Device  0: (UUID: MIG-one)
  MIG 3g.40gb     Device  1: (UUID: MIG-two)
"""
# Says when it holds a card, and holds it until its input ends.
HOLDER = """
import os, sys
from landscape.runtime.locks.gpu import lock_gpu
name, parallel, *cards = sys.argv[1:]
with lock_gpu(name, int(parallel), cards):
    print(name, os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def a_machine_of_our_own(monkeypatch, tmp_path):
    """No GPUs and no Slurm job of the tests' own machine, and no locks of others."""
    for name in (gpu.VISIBLE, gpu.HIP_VISIBLE, "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(gpu.FOLDER, str(tmp_path / "machine"))


@pytest.fixture
def hold(tmp_path):
    """Start a process that asks for a card; it ends with the test."""
    started = []

    def start(name: str, *cards: str, parallel: int = 1) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, name, str(parallel), *cards],
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


def python(code: str, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.check_output(command, env=environment, cwd=ROOT, text=True)


def test_cards_are_those_that_cuda_would_see(monkeypatch):
    for text, names in {"0,1": ["0", "1"], "GPU-a": ["GPU-a"], "": [], "2,-1,3": ["2"]}.items():
        monkeypatch.setenv(gpu.VISIBLE, text)
        assert gpu.cards() == names


def test_a_card_cut_into_parts_counts_as_its_parts():
    assert gpu.installed(LISTED) == ["GPU-aaa", "MIG-one", "MIG-two"]
    assert gpu.installed("NVIDIA-SMI has failed because …\n") == []


def test_the_installed_cards_are_nvidia_smi_s(monkeypatch, tmp_path):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ntest $1 = -L && cat <<END\n{LISTED}END\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert gpu.cards() == ["GPU-aaa", "MIG-one", "MIG-two"]


ROCM = """{"card0": {"GPU ID": "0x74a1"}, "card1": {"GPU ID": "0x74a1"},
 "system": {"Driver version": "6.10.5"}}"""


def test_amd_s_cards_are_numbered_where_there_is_no_nvidia_smi(monkeypatch, tmp_path):
    program = tmp_path / "rocm-smi"
    program.write_text(f"#!/bin/sh\ntest \"$1 $2\" = '--showid --json' && echo '{ROCM}'\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu.cards() == ["0", "1"]
    with gpu.lock_gpu("first"):
        assert os.environ[gpu.VISIBLE] == "0"
        with gpu.lock_gpu("second", among=["0", "1"]):
            assert os.environ[gpu.VISIBLE] == "1"
    monkeypatch.setenv(gpu.HIP_VISIBLE, "1")  # which HIP prefers
    with gpu.lock_gpu("third"):
        assert os.environ[gpu.HIP_VISIBLE] == "1"
        assert gpu.VISIBLE not in os.environ
    assert gpu.numbered("WARNING: No AMD GPU is found\n") == []


def test_torch_counts_amd_s_cards_where_there_is_no_program_for_it(monkeypatch, tmp_path):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ntest "$1" = -c && echo 2\n', "utf-8")
    python.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(gpu, "AMD_DRIVER", tmp_path / "kfd")
    assert gpu.cards() == []  # torch is not imported to find out that there is no driver
    gpu.AMD_DRIVER.touch()
    assert gpu.cards() == ["0", "1"]
    python.write_text("#!/bin/sh\nexit 1\n", "utf-8")  # torch is not there, or fails
    assert gpu.cards() == []


def test_slurm_has_handed_them_out_already(monkeypatch, tmp_path):
    monkeypatch.setenv(gpu.VISIBLE, "0")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with gpu.lock_gpu("run"):
        assert os.environ[gpu.VISIBLE] == "0"
    assert not (tmp_path / "machine").exists()


def test_of_several_that_slurm_has_given_one_job_each_run_gets_one(monkeypatch, tmp_path):
    """`salloc --gpus=2`, and then `make study GPUS=2` in it; Slurm numbers them from 0 on."""
    monkeypatch.setenv(gpu.VISIBLE, "0,1")
    for job in ("7", "8"):
        monkeypatch.setenv("SLURM_JOB_ID", job)
        with gpu.lock_gpu("first"):
            first = os.environ[gpu.VISIBLE]
            monkeypatch.setenv(gpu.VISIBLE, "0,1")  # as another process has it
            with gpu.lock_gpu("second"):
                assert {first, os.environ[gpu.VISIBLE]} == {"0", "1"}
            folders = [path.name for path in (tmp_path / "machine").iterdir()]
            assert f"{platform.node()}-job{job}" in folders


def test_without_cards_nothing_happens(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with gpu.lock_gpu("run"):
        assert gpu.VISIBLE not in os.environ
    assert not (tmp_path / "machine").exists()


def test_what_was_visible_is_visible_again(monkeypatch, tmp_path):
    monkeypatch.setenv(gpu.VISIBLE, "3,5")
    with gpu.lock_gpu("a"):
        assert os.environ[gpu.VISIBLE] == "3"
        with gpu.lock_gpu("b", among=["3", "5"]):
            assert os.environ[gpu.VISIBLE] == "5"
    assert os.environ[gpu.VISIBLE] == "3,5"


def test_every_job_gets_a_card_of_its_own(hold):
    holders = [hold(name, "x", "y", "z") for name in "abc"]
    assert {next_line(holder.stdout).split()[1] for holder in holders} == {"x", "y", "z"}


def test_more_jobs_than_cards_share_them_evenly(hold):
    holders = [hold(f"{k}", "x", "y", parallel=4) for k in range(4)]
    held = [next_line(holder.stdout).split()[1] for holder in holders]
    assert sorted(held) == ["x", "x", "y", "y"]
    assert next_line(hold("too many", "x", "y", parallel=4).stderr).startswith("too many: waiting")


def test_two_studies_of_one_machine_do_not_hold_one_card(hold, tmp_path):
    """Locks belong to the machine: wherever the results are, a second holder waits."""
    assert next_line(hold("bands/a", "x").stdout) == "bands/a x\n"
    assert "x is held by bands/a (process " in next_line(hold("probe/b", "x").stderr)


def test_who_waits_says_for_whom_and_a_killed_holder_s_card_is_free(hold):
    first = hold("first", "x")
    assert next_line(first.stdout) == "first x\n"
    second = hold("second", "x")
    said = next_line(second.stderr)
    assert said.startswith(
        f"second: waiting for a GPU. x is held by first (process {first.pid} on "
    )
    first.kill()  # its lock is the kernel's to free
    assert first.wait() == -signal.SIGKILL
    assert next_line(second.stdout) == "second x\n"


def test_where_the_machine_s_locks_are(monkeypatch, tmp_path):
    assert gpu.machine_folder() == tmp_path / "machine"
    monkeypatch.delenv(gpu.FOLDER)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    assert gpu.machine_folder() == Path("/run/user/7/landscape")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert gpu.machine_folder().name == f"landscape-{os.getuid()}"


def test_a_run_is_one_process_s_at_a_time(tmp_path):
    with run.lock_run(tmp_path, "bands/a/lr0.1/seed0") as waited:
        assert not waited
        code = (
            "import sys; from pathlib import Path\n"
            "from landscape.runtime.locks.run import lock_run\n"
            "with lock_run(Path(sys.argv[1]), sys.argv[2]) as waited: print(waited)"
        )
        other = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), "bands/a/lr0.1/seed0"],
            env={**os.environ, "PYTHONPATH": str(ROOT / "workflow")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = next_line(other.stderr)
        assert f"(process {os.getpid()} on " in said
        with run.lock_run(tmp_path, "bands/a/lr0.1/seed1") as waited:
            assert not waited
    assert other.communicate(timeout=300)[0] == "True\n"


def test_locks_are_open_to_whom_the_results_are_open(tmp_path):
    results = tmp_path / "shared"
    results.mkdir()
    results.chmod(0o2775)
    with run.lock_run(results, "bands/a/lr0.1/seed0"):
        folders = [results / run.FOLDER, *(results / run.FOLDER).glob("*")]
        assert {path.stat().st_mode & 0o7777 for path in folders} == {0o2775}
        (file,) = (results / run.FOLDER).glob("*/*.lock")
        assert file.stat().st_mode & 0o7777 == 0o664


def test_the_module_is_light():
    code = (
        "import sys, landscape.runtime.locks.gpu, landscape.runtime.locks.run\n"
        "import landscape.runtime.slurm\n"
        "print({'torch', 'pandas'} & {*sys.modules})"
    )
    assert python(code) == "set()\n"


@pytest.mark.parametrize("stage", ["train", "insight", "bench"])
def test_stages_on_gpus_ask_before_torch_is_there(stage, tmp_path):
    rest = ["bands/vgg_a/lr0.001/seed0"] if stage == "train" else []
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dataset.json").write_text("{}", "utf-8")
    code = (
        "import sys\n"
        "from landscape.cli.main import main\n"
        "from landscape.runtime.locks import gpu\n"
        "def lock_gpu(holder, parallel):\n"
        "    print(holder, parallel, 'torch' in sys.modules)\n"
        "    sys.exit()\n"
        "gpu.lock_gpu = lock_gpu\n"
        "main(sys.argv[1:])"
    )
    said = python(code, stage, *rest, "--results", str(tmp_path), "--parallel", "3")
    assert said == f"{(rest or [stage])[0]} 3 False\n"
