"""What a person sees: what each job is, why one failed, how to resume after Ctrl-C."""

import os
import re
import shutil
import signal
import time

import pytest
import yaml

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


def test_what_is_announced_is_in_snakemake_s_log(untrained):
    (untrained / "results/data/train.safetensors").write_bytes(b"damaged")
    snakemake(untrained, "bands", check=False)
    log = max((untrained / ".snakemake/log").iterdir(), key=lambda path: path.stat().st_mtime)
    assert "1 of 6 training runs" in log.read_text("utf-8")


def test_a_failure_shows_its_log_and_ends_with_the_reason(untrained):
    (untrained / "results/data/train.safetensors").write_bytes(b"damaged")
    done = snakemake(untrained, "bands", check=False)
    assert done.returncode == 1
    assert re.search(rf"^Logfile results/logs/{RUN}.log:\n=+\n", done.stdout, re.MULTILINE)
    *_, progress, reason = done.stdout.strip().splitlines()
    assert progress == "Failed. 3 of 4 runs are done."
    assert reason.startswith(f"{TITLE}: error: ")
    assert "train.safetensors" in reason


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
    snakemake(untrained, "bands")
    log = untrained / f"results/logs/{RUN}.log"
    assert re.search(r"from step [1-9]", log.read_text("utf-8"))


def test_no_profile_hides_a_failed_log():
    profiles = list(ROOT.glob("profiles/*/profile.yaml"))
    assert {path.parent.name for path in profiles} == {"default", "slurm"}
    for path in profiles:
        options = yaml.safe_load(path.read_text("utf-8"))
        assert options["show-failed-logs"] is True
        assert set(options["quiet"]) == {"host", "reason"}
