"""A miniature study that is killed again and again, and must end as if nothing had happened.

    PYTHONPATH=tests:tests/workflow python tests/faults/soak.py [SECONDS [SEED]]

Random jobs, Snakemake itself, and the whole group get SIGKILL or SIGTERM at random moments. Every
time the study comes to its end all the same, every artefact is compared with an undisturbed one's,
some of it is deleted, and it goes on. Prints what it did; exits with 1 if anything differs.
"""

import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil
import yaml

from support.studies import artefacts, at_work, group, is_training, kill, leftovers
from support.workflow import copy_project, snakemake, start_snakemake, tiny_study

EPOCHS = 12  # of a run: long enough to be killed in, short enough to be done between kills


def soak(seconds: float, seed: int, folder: Path) -> dict[str, object]:
    """What happened, by kind; raises AssertionError where an artefact differs."""
    draw = random.Random(seed)
    project = folder / "study"
    project.mkdir()
    copy_project(project)
    study = tiny_study(bands={"epochs": EPOCHS}, checkpoint_seconds=0)
    (project / "tiny.yaml").write_text(yaml.safe_dump(study), "utf-8")
    snakemake(project)
    right = artefacts(project / "results")
    shutil.rmtree(project / "results")
    happened: Counter[str] = Counter()
    end = time.monotonic() + seconds
    while True:
        disturbed = time.monotonic() < end
        code = _attempt(project, draw, happened, disturbed)
        if code == 0:
            _compare(project, right)
            happened["studies completed and equal"] += 1
            if not disturbed:
                break
            _spoil(project / "results", draw)
    assert not leftovers(project / "results"), leftovers(project / "results")
    return {"seconds": seconds, "seed": seed, "artefacts": len(right), **happened}


def _attempt(project: Path, draw: random.Random, happened: Counter[str], disturbed: bool) -> int:
    """One start of the study, killed at some moment if it is to be `disturbed`; its exit code."""
    snakemake(project, "--unlock")
    with (project / "said.txt").open("w") as said:
        going = start_snakemake(project, output=said)
        process = psutil.Process(going.pid)
        while disturbed and going.poll() is None:
            pause = time.monotonic() + draw.expovariate(1 / 6)
            while going.poll() is None and time.monotonic() < pause:
                time.sleep(0.05)
            if going.poll() is None and _disturb(process, draw, happened):
                break
        code = going.wait(timeout=900)
    # Jobs that outlive their Snakemake would be waited for by the next one's: end them first.
    orphans = at_work(project)
    kill(orphans)
    psutil.wait_procs(orphans, timeout=60)
    if not disturbed and code:
        raise AssertionError((project / "said.txt").read_text("utf-8"))
    return code


def _disturb(process: psutil.Process, draw: random.Random, happened: Counter[str]) -> bool:
    """Kill something; whether the whole study is over by that."""
    everything = group(process)
    jobs = [child for child in everything if is_training(child)]
    kind = draw.choice(["job", "job", "any", "snakemake", "group", "asked"])
    if kind == "job":
        happened["training jobs killed"] += kill(draw.sample(jobs, min(1, len(jobs))))
    elif kind == "any":
        below = everything[1:]
        happened["other processes killed"] += kill(draw.sample(below, min(1, len(below))))
    elif kind == "snakemake":
        happened["Snakemake killed"] += kill([process])
    elif kind == "group":
        happened["whole groups killed"] += bool(kill(everything))
    else:
        happened["whole groups asked to stop"] += bool(kill(everything, signal.SIGTERM))
    return kind in ("snakemake", "group", "asked")


def _compare(project: Path, right: dict[str, str]) -> None:
    found = artefacts(project / "results")
    differing = [name for name in right | found if right.get(name) != found.get(name)]
    assert not differing, differing


def _spoil(results: Path, draw: random.Random) -> None:
    """Delete so much that there is something to do again."""
    runs = sorted(path.parent for path in results.glob("*/*/**/run.json"))
    for run in draw.sample(runs, 4):
        shutil.rmtree(run)


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 900.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(10**6)
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as name:
        try:
            print(json.dumps(soak(seconds, seed, Path(name)), indent=2))
        except AssertionError as error:
            print(f"seed {seed}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
