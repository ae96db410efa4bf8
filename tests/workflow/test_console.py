"""What a person sees: what each job is, why one failed, how to resume after Ctrl-C."""

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import yaml

from landscape.config.runs import bands_id
from support.artefacts import ROOT
from support.workflow import configure, copy_project, planned, snakemake, start_snakemake

RUN = "bands/vgg_a_bn/lr0.001/seed0"
TITLE = "train VGG-A + BatchNorm, learning rate 0.001, seed 0"


@pytest.fixture
def untrained(project):
    """The finished project without one of its runs; every step of it is saved."""
    shutil.rmtree(project / "results" / RUN)
    configure(project, checkpoint_seconds=0)
    return project


def test_every_job_is_one_line_in_words(tmp_path):
    said = planned(copy_project(tmp_path)).stdout
    assert f": {TITLE}\n" in said
    assert ": train and probe VGG-A, learning rate 0.1, seed 0\n" in said
    assert ": draw probe_beta\n" in said
    assert not re.findall(r"^(?:local)?rule .*", said, re.MULTILINE)  # a rule without a message
    assert max(map(len, said.splitlines())) < 200


def test_a_failure_shows_its_log_and_ends_with_the_reason(untrained):
    """And what was announced before it is in Snakemake's own log."""
    (untrained / "results/data/train.safetensors").write_bytes(b"damaged")
    done = snakemake(untrained, "bands", check=False)
    assert done.returncode == 1
    assert re.search(rf"^Logfile results/logs/{RUN}.log:\n=+\n", done.stdout, re.MULTILINE)
    *_, progress, reason = done.stdout.strip().splitlines()
    assert progress == (
        "Failed. 3 of 4 runs are done. They are kept. Once the cause is removed, the same command "
        "resumes."
    )
    assert "RuleException" not in done.stdout  # the whole command, twenty lines of it
    assert reason.startswith(f"{TITLE}: error: ")
    assert "train.safetensors" in reason
    log = max((untrained / ".snakemake/log").iterdir(), key=lambda path: path.stat().st_mtime)
    assert "1 of 6 runs remain" in log.read_text("utf-8")


@pytest.mark.slow
def test_ctrl_c_ends_with_how_to_resume(untrained):
    """As a terminal sends it, to Snakemake and its jobs at once; the same command then resumes."""
    going = start_snakemake(untrained, "bands")
    deadline = time.monotonic() + 300
    while not (untrained / "results" / RUN / "resume.state.prev").exists():
        assert going.poll() is None, going.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(going.pid, signal.SIGINT)
    said, _ = going.communicate(timeout=120)
    assert going.returncode == 130
    assert said.strip().splitlines()[-1] == (
        "Stopped. The same command resumes; 3 of 4 runs are done."
    )
    assert "Error" not in said
    assert "Traceback" not in said
    snakemake(untrained, f"results/{RUN}/run.json")
    log = untrained / f"results/logs/{RUN}.log"
    assert re.search(r"from step [1-9]", log.read_text("utf-8"))


@pytest.mark.slow
def test_the_estimate_and_the_jobs_share_a_worker(untrained):
    """Whatever the shell says of its folder: the libraries are imported once."""
    workers = set()
    going = start_snakemake(untrained, f"results/{RUN}/run.json", PWD="/", OLDPWD="/tmp")
    while going.poll() is None:
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if "landscape.worker.server" in process.cmdline():
                    started_by = process.parent()
                    forked = started_by and "landscape.worker.server" in started_by.cmdline()
                    if not forked and Path(process.cwd()) == untrained:
                        workers.add(process.pid)
        time.sleep(0.02)
    said, _ = going.communicate()
    assert going.returncode == 0, said
    assert "1 of 6 runs remain" in said
    assert len(workers) == 1


def in_a_terminal(project, *command):
    """The exit status of a command, and what a terminal of 80 × 24 receives from it."""
    mine, its = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    environment.pop("PYTHONPATH", None)
    going = subprocess.Popen(
        command, cwd=project, env=environment, stdin=its, stdout=its, stderr=its
    )
    os.close(its)
    received = b""
    while True:
        try:
            received += os.read(mine, 65536)
        except OSError:  # the other end is closed
            break
    os.close(mine)
    return going.wait(), received.decode().replace("\r\n", "\n")


def test_bars_are_shown_on_a_terminal_and_nowhere_else(tmp_path):
    shutil.copy2(ROOT / "Makefile", tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/.ready").touch()
    (tmp_path / "envs").mkdir()
    for name in ("envs/hashes.txt", "pyproject.toml"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    for target in ("demo", "study"):
        code, said = in_a_terminal(tmp_path, "make", "-n", target)
        assert code == 0
        assert "snakemake --logger rich" in said
        piped = subprocess.run(
            ["make", "-n", target], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert "--logger" not in piped.stdout


@pytest.mark.slow
def test_with_bars_announcement_failure_and_reason_are_lines_of_their_own(untrained):
    pytest.importorskip("snakemake_logger_plugin_rich")
    (untrained / "results/data/train.safetensors").write_bytes(b"damaged")
    options = ["--cores", "2", "--resources", "gpu=2", "--configfile", "tiny.yaml"]
    command = [sys.executable, "-m", "snakemake", "bands", "--logger", "rich", *options]
    code, said = in_a_terminal(untrained, *command)
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said).splitlines()
    assert code == 1
    assert any("Total Progress" in line for line in lines)
    assert any(line.startswith("1 of 6 runs remain") for line in lines)
    assert any(f"Log file: results/logs/{RUN}.log" in line for line in lines)
    last = " ".join(" ".join(lines).split()).partition("Failed. 3 of 4 runs are done.")[2]
    assert re.match(rf" They are kept\. .* {re.escape(TITLE)}: error: .*train.safetensors", last)
    assert "RuleException" not in said
    assert "Traceback" not in said


def test_no_job_writes_to_the_terminal_by_itself():
    """It would be painted over by the bars."""
    commands = [
        text
        for path in ROOT.glob("workflow/rules/*.smk")
        for text in re.findall(r"\n +shell:\n((?: +\".*\n)+)", path.read_text("utf-8"))
    ]
    assert len(commands) >= 10
    assert all(text.rstrip().endswith('&> {log:q}"') for text in commands)


def test_a_run_that_diverges_is_named_at_the_end(project):
    configure(project, bands={"learning_rates": [0.001, 1e30]})
    runs = [bands_id("vgg_a", rate, 0) for rate in (0.001, 1e30)]
    done = snakemake(project, *(f"results/{run}/run.json" for run in runs))
    said = "1 of 2 runs diverged, which is a result: VGG-A, learning rate 1e+30, seed 0"
    assert said in done.stdout
    log = project / f"results/logs/{runs[1]}.log"
    assert "diverged at step" in log.read_text("utf-8")


def test_no_profile_hides_a_failed_log():
    profiles = list(ROOT.glob("profiles/*/profile.yaml"))
    assert {path.parent.name for path in profiles} == {"default", "slurm"}
    for path in profiles:
        options = yaml.safe_load(path.read_text("utf-8"))
        assert options["show-failed-logs"] is True
        assert set(options["quiet"]) == {"host", "reason"}
