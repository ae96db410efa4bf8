"""Which ends of a training job send it back into Slurm's queue: programs stand in for Slurm's."""

import os
import sys

import pytest

from landscape.runtime import slurm


@pytest.fixture
def scheduler(tmp_path, monkeypatch):
    """squeue that answers a state, scontrol that notes what it is asked; for job 7."""

    def answers(state: str) -> None:
        for name, line in {
            "squeue": f"echo {state}",
            "scontrol": f"echo $* >> {tmp_path}/asked",
        }.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n", "utf-8")
            (tmp_path / name).chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    answers("RUNNING")
    answers.asked = tmp_path / "asked"
    return answers


def ends_with(code: int) -> None:
    with pytest.raises(SystemExit) as ended, slurm.requeued():
        sys.exit(code)
    assert ended.value.code == code


def test_a_job_that_was_warned_goes_back(scheduler):
    ends_with(143)
    assert scheduler.asked.read_text("utf-8") == "requeue 7\n"


@pytest.mark.parametrize(("code", "state"), [(130, "RUNNING"), (1, "RUNNING"), (143, "COMPLETING")])
def test_others_do_not(scheduler, code, state):
    scheduler(state)
    ends_with(code)
    assert not scheduler.asked.exists()


def test_nor_does_what_is_no_slurm_job(scheduler, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID")
    ends_with(143)
    assert not scheduler.asked.exists()
