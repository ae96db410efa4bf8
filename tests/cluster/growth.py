"""What Slurm and Snakemake cost where there are many runs: the second table of docs/cluster.md.

    PYTHONPATH=tests:tests/workflow:tests/cluster python tests/cluster/growth.py [RUNS]

Trains so many tiny runs on a Slurm that is started here, once with a job for each and once ten to a
job, to their end. Counts processor seconds, which other work on the machine hardly changes: those
of the jobs with all that they start, those of Snakemake on the login side, and those of a run that
is started by hand.
"""

import ctypes
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from support.slurm import Slurm
from support.slurm_project import Project
from support.workflow import copy_project, tiny_study

ARCHITECTURES = ("vgg_a", "vgg_a_bn")
RATES = (0.001, 0.002, 0.003, 0.004, 0.005)
GROUPED = ["--groups", "train=runs", "--group-components", "runs=10"]
BY_HAND = 3
PR_SET_CHILD_SUBREAPER = 36  # of Linux


def growth(runs: int, folder: Path, slurm: Slurm) -> None:
    """Prints a line for each way."""
    seeds = list(range(runs // (len(RATES) * len(ARCHITECTURES))))
    names = [f"bands/{a}/lr{r}/seed{s}" for a in ARCHITECTURES for r in RATES for s in seeds]
    study = tiny_study(bands={"learning_rates": list(RATES), "seeds": seeds})
    for way, options in (("a job for each run", []), ("ten runs to a job", GROUPED)):
        place = folder / way.replace(" ", "-")
        place.mkdir()
        project = Project(copy_project(place), slurm, study)
        project.locally("results/data/dataset.json")
        before, started = _waited_for(), time.monotonic()
        submitted = project.submit(*(f"results/{name}/run.json" for name in names), *options)
        said = submitted.communicate()[0]
        assert submitted.returncode == 0, said
        seconds, login = time.monotonic() - started, _waited_for() - before
        _wait_for_jobs(slurm)
        jobs = _waited_for() - before - login
        made = len(list(place.glob("results/bands/*/*/*/run.json")))
        print(
            f"{way}: {made} runs in {said.count('submitted with SLURM jobid')} jobs, "
            f"{seconds:.0f} s; processor seconds: {jobs / made:.2f} a run in the jobs, "
            f"{login / made:.3f} a run in Snakemake",
            flush=True,
        )
    print(f"by hand: {_by_hand(project, names[0]):.2f} processor seconds a run")


def _wait_for_jobs(slurm: Slurm) -> None:
    """The jobs' own parents, which Slurm orphans, became children of this process: count them."""
    daemons = {daemon.pid for daemon in slurm.daemons}
    slurm.wait_until(slurm.is_empty, "the queue is empty", 60)
    for child in psutil.Process().children():
        if child.pid not in daemons:
            os.waitpid(child.pid, 0)


def _waited_for() -> float:
    """Processor seconds of all children of this process that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _by_hand(project: Project, name: str) -> float:
    """Processor seconds of one of the runs without Slurm and Snakemake."""
    command = [sys.executable, "-m", "landscape", "train", name, "--threads", "1"]
    environment = {**os.environ, "PYTHONPATH": str(project.folder / "workflow")}
    before = _waited_for()
    for _ in range(BY_HAND):
        (project.folder / "results" / name / "run.json").unlink()
        subprocess.run(
            [*command, "--config", "tiny.yaml"], cwd=project.folder, env=environment, check=True
        )
    return (_waited_for() - before) / BY_HAND


if __name__ == "__main__":
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1):
        raise OSError("orphaned processes cannot be adopted here")
    cluster = Slurm()
    try:
        with tempfile.TemporaryDirectory() as temporary:
            growth(int(sys.argv[1]) if len(sys.argv) > 1 else 200, Path(temporary), cluster)
    finally:
        cluster.stop()
