"""The study on a real Slurm through profiles/slurm, and what is lost when something goes wrong."""

import hashlib
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import psutil

from support.artefacts import digests
from support.slurm import GPUS, Slurm
from support.slurm_project import RATES, Project, is_told_to_end, run_id
from support.workflow import RUNS, copy_project, tiny_study

ONE = RATES[0]


class Observer(threading.Thread):
    """Notes, many times a second, which jobs run and how many GPUs Slurm has given away."""

    def __init__(self, slurm: Slurm):
        super().__init__(daemon=True)
        self.slurm, self.stopped = slurm, threading.Event()
        self.training: list[int] = []
        self.in_use: list[int] = []
        self.lone: set[str] = set()  # jobs that ran while no GPU was given away

    def run(self) -> None:
        while not self.stopped.wait(0.2):
            running = [job["comment"] for job in self.slurm.jobs("RUNNING")]
            used = self.slurm.gpus_in_use()
            self.training.append(sum(name.startswith("rule_train") for name in running))
            self.in_use.append(used)
            if used == 0:
                self.lone.update(running)


def sums(folder: Path) -> dict[str, str]:
    """SHA-256 of what is made of the runs, but for the figure that shows their seconds."""
    found = [*folder.glob("*/bands.parquet"), *folder.glob("*/summary.csv")]
    found += [path for path in folder.glob("figures/*.png") if path.stem != "training_curves"]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in found
    }


def all_digests(results: Path) -> dict[str, dict[str, str]]:
    runs = [path.parent for path in results.glob("*/**/run.json")]
    return {str(run.relative_to(results)): digests(run) for run in runs}


def test_the_study_is_the_same_as_on_one_machine(study, slurm, tmp_path):
    observer = Observer(slurm)
    observer.start()
    code, said = study.output(study.submit())
    observer.stopped.set()
    observer.join()
    assert code == 0
    assert slurm.is_empty()

    # More training jobs than GPUs: all GPUs are used at times, and never more.
    assert max(observer.training) == max(observer.in_use) == GPUS < RUNS
    assert {"rule_dataset", "rule_aggregate_bands", "rule_report"} <= observer.lone
    # The data, the runs, two studies' tables, all figures in one job, the report, its page.
    assert said.count("has been submitted with SLURM jobid") == 1 + RUNS + 2 + 1 + 1 + 1

    here = Project(copy_project(tmp_path), slurm, tiny_study())
    here.locally()
    results, expected = study.folder / "results", here.folder / "results"
    assert len(all_digests(results)) == RUNS
    assert all_digests(results) == all_digests(expected)
    assert sums(results) == sums(expected)
    assert not list((results / "logs/slurm").rglob("*.log"))  # kept of failed jobs only


def test_a_killed_job_goes_on_by_the_same_command(project, reference, slurm):
    project.configure(project.longer(checkpoint_seconds=0))
    submitted = project.submit(*project.targets(ONE))
    project.frozen(submitted, ONE)
    slurm.ask("scancel", "--signal=KILL", project.job(ONE))
    code, said = project.output(submitted)
    assert code != 0
    assert slurm.job(project.job(ONE))["JobState"] == "CANCELLED"
    assert not (project.run(ONE) / "run.json").exists()
    assert (project.folder / "results/logs/slurm/rule_train").is_dir()
    assert "Error in rule train" in said

    assert project.output(project.submit(*project.targets(ONE)))[0] == 0
    assert f"{run_id(ONE)}: resumes from step" in project.log(ONE)
    assert digests(project.run(ONE)) == digests(reference.run(ONE))


def test_a_job_at_its_time_limit_goes_back_into_the_queue(project, reference, slurm):
    """The only state is the one that the warning makes: nothing is saved before."""
    project.configure(project.longer(checkpoint_seconds=100_000))
    submitted = project.submit(*project.targets(ONE))
    process = project.frozen(submitted, ONE)
    made, job = project.steps(ONE), project.job(ONE)
    slurm.limit(job, slurm.minutes(job) + 3)  # shorter than the profile's warning and a little more
    assert not (project.run(ONE) / "resume.state").exists()
    project.until(submitted, lambda: is_told_to_end(process), "Slurm's warning")
    with suppress(psutil.NoSuchProcess):
        process.resume()  # if Slurm has not, together with the warning
    project.until(submitted, lambda: slurm.job(job)["Restarts"] == "1", "the job is repeated")
    slurm.limit(job, 240)
    code, _ = project.output(submitted)  # the same Snakemake: it never saw a failure
    assert code == 0
    assert slurm.job(job)["JobState"] == "COMPLETED"
    (line,) = [text for text in project.log(ONE).splitlines() if "resumes from step" in text]
    assert int(line.split()[-1]) > made >= 0
    assert digests(project.run(ONE)) == digests(reference.run(ONE))


def test_a_cancelled_job_stays_out_of_the_queue(project, slurm):
    project.configure(project.longer(checkpoint_seconds=100_000))
    submitted = project.submit(*project.targets(ONE))
    process = project.frozen(submitted, ONE)
    slurm.ask("scancel", project.job(ONE))
    with suppress(psutil.NoSuchProcess):
        process.resume()
    assert project.output(submitted)[0] != 0
    job = slurm.job(project.job(ONE))
    assert (job["JobState"], job["Restarts"]) == ("CANCELLED", "0")
    assert slurm.is_empty()


def test_a_drained_node_and_a_failed_one_lose_nothing(project, reference, slurm):
    """While it drains, what runs goes on, what waits waits; what a failure cuts off is repeated."""
    project.configure(project.longer(checkpoint_seconds=0))
    submitted = project.submit(*project.targets(), "--jobs", "1")
    first = next(rate for rate in RATES if _is_frozen_first(project, submitted, rate))
    slurm.set_node("drain")
    assert "DRAIN" in slurm.node()["State"]
    project.training(first).resume()
    project.until(submitted, (project.run(first) / "run.json").exists, "what ran has ended")
    (second,) = set(RATES) - {first}
    project.until(submitted, lambda: slurm.jobs("PENDING"), "the other run waits")
    assert not slurm.jobs("RUNNING")
    slurm.resume()
    project.frozen(submitted, second)
    job = project.job(second)
    slurm.set_node("down")
    project.until(submitted, lambda: slurm.job(job)["Restarts"] == "1", "the job is repeated")
    slurm.resume()
    assert project.output(submitted)[0] == 0
    assert "resumes from step" in project.log(second)
    for rate in RATES:
        assert digests(project.run(rate)) == digests(reference.run(rate))


def _is_frozen_first(project: Project, submitted: subprocess.Popen[str], rate: float) -> bool:
    project.until(
        submitted, lambda: any(project.steps(rate) for rate in RATES), "one of the runs trains"
    )
    if not project.steps(rate):
        return False
    project.frozen(submitted, rate)
    return True


def test_a_killed_snakemake_leaves_jobs_that_are_not_done_twice(project, reference, slurm):
    """The same command waits for the job that is left, and takes what that has made."""
    submitted = project.submit(*project.targets(ONE))
    process = project.frozen(submitted, ONE)
    left = project.job(ONE)
    submitted.kill()
    assert submitted.wait() == -signal.SIGKILL
    assert slurm.job(left)["JobState"] == "RUNNING"

    project.unlock()
    again = project.submit(*project.targets(ONE))
    project.until(again, lambda: "waiting for the process" in project.log(ONE), "the job waits")
    assert f"Slurm job {left}" in project.log(ONE)
    process.resume()
    assert project.output(again)[0] == 0
    assert "resumes from step" not in project.log(ONE)
    assert slurm.job(left)["JobState"] == slurm.job(project.job(ONE))["JobState"] == "COMPLETED"
    assert left != project.job(ONE)
    assert digests(project.run(ONE)) == digests(reference.run(ONE))


def test_short_runs_share_a_gpu_one_after_the_other(project, reference, slurm):
    observer = Observer(slurm)
    observer.start()
    grouped = ["--groups", "train=runs", "--group-components", "runs=2"]
    code, said = project.output(project.submit(*project.targets(), *grouped))
    observer.stopped.set()
    observer.join()
    assert code == 0
    assert said.count("has been submitted with SLURM jobid") == 1
    assert max(observer.in_use) == 1
    for rate in RATES:
        assert digests(project.run(rate)) == digests(reference.run(rate))
