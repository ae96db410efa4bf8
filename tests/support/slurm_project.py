"""A project on the login node of a cluster: what is submitted, and what is seen of it."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import yaml

from support.slurm import Slurm
from support.workflow import tiny_study

ARCHITECTURE, RATES = "vgg_a_bn", (0.001, 0.002)
FROZEN_AT = 10  # steps that a run has made, at least, when it is stopped in its middle
# What the tests change of the profile: it waits less, and every job is small.
IMPATIENT = ["--latency-wait", "10", "--slurm-init-seconds-before-status-checks", "3"]
IMPATIENT += ["--slurm-status-command", "squeue"]  # this Slurm has no accounting
SMALL = ["--cores", "1", "--set-threads", "train=1", "train_probe=1"]


class Project:
    def __init__(self, folder: Path, slurm: Slurm, study: dict[str, Any]):
        self.folder, self.slurm = folder, slurm
        self.started: list[subprocess.Popen[str]] = []
        self.configure(study)

    @staticmethod
    def longer(**changes: Any) -> dict[str, Any]:
        bands = {"architectures": [ARCHITECTURE], "learning_rates": list(RATES), "epochs": 20}
        return tiny_study(bands=bands, **changes)

    def configure(self, study: dict[str, Any]) -> None:
        (self.folder / "tiny.yaml").write_text(yaml.safe_dump(study), "utf-8")

    def submit(self, *arguments: str) -> subprocess.Popen[str]:
        """Snakemake on the login node."""
        profile = ["--workflow-profile", "profiles/slurm"]
        return self._start(*arguments, *profile, *SMALL, *IMPATIENT)

    def locally(self, *arguments: str) -> None:
        """The same on this machine."""
        assert self.output(self._start(*arguments, "--cores", "2", "--resources", "gpu=2"))[0] == 0

    def output(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        said, _ = process.communicate(timeout=900)
        print(said)  # for who looks at a test that failed
        return process.returncode, said

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *arguments, "--configfile", "tiny.yaml"],
            cwd=self.folder,
            env={name: text for name, text in os.environ.items() if name != "PYTHONPATH"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        return process

    def unlock(self) -> None:
        self.output(self._start("--cores", "1", "--unlock"))

    def run(self, rate: float) -> Path:
        return self.folder / "results" / run_id(rate)

    def log(self, rate: float) -> str:
        path = self.folder / "results" / "logs" / f"{run_id(rate)}.log"
        return path.read_text("utf-8") if path.exists() else ""

    def targets(self, *rates: float) -> list[str]:
        return [f"results/{run_id(rate)}/run.json" for rate in rates or RATES]

    def until(self, submitted: subprocess.Popen[str], condition: Any, what: str) -> None:
        """The condition holds at last, and Snakemake still runs."""

        def holds() -> bool:
            assert submitted.poll() is None, submitted.communicate()[0]
            return bool(condition())

        self.slurm.wait_until(holds, what, 400)

    def steps(self, rate: float) -> int:
        """That a run has made so far."""
        try:
            content = json.loads((self.run(rate) / "progress.json").read_text("utf-8"))
        except OSError:
            return 0
        return int(content["step"])

    def training(self, rate: float) -> psutil.Process:
        """The process that trains a run of this project."""
        for process in psutil.process_iter():
            try:
                words = process.cmdline()
                if words[1:5] == ["-m", "landscape", "train", run_id(rate)] and (
                    Path(process.cwd()) == self.folder
                ):
                    return process
            except psutil.Error:
                continue
        raise AssertionError(f"no process trains {run_id(rate)}")

    def frozen(self, submitted: subprocess.Popen[str], rate: float) -> psutil.Process:
        """The process of a run, stopped in its middle."""
        self.until(submitted, lambda: self.steps(rate) >= FROZEN_AT, f"{run_id(rate)} trains")
        process = self.training(rate)
        process.suspend()
        return process

    def job(self, rate: float) -> str:
        """The newest Slurm job of a run."""
        ids = [job["id"] for job in self.slurm.jobs() if job["comment"] == comment(rate)]
        return max(ids, key=int)

    def end(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        self.slurm.clear()
        for left in psutil.process_iter():  # Slurm ends nothing on a node that has failed
            with suppress(psutil.Error):
                if Path(left.cwd()).is_relative_to(self.folder):
                    left.kill()


def run_id(rate: float) -> str:
    return f"bands/{ARCHITECTURE}/lr{rate}/seed0"


def comment(rate: float) -> str:
    """By which Slurm knows the jobs of a run."""
    return f"rule_train_wildcards_{run_id(rate).replace('/', '_')}"


def is_told_to_end(process: psutil.Process) -> bool:
    """Whether SIGTERM waits for a stopped process, or has ended it."""
    try:
        text = Path(f"/proc/{process.pid}/status").read_text("utf-8")
    except OSError:
        return True
    lines = [line.split() for line in text.splitlines()]
    masks = [words[1] for words in lines if words and words[0] in ("SigPnd:", "ShdPnd:")]
    return any(int(mask, 16) >> (signal.SIGTERM - 1) & 1 for mask in masks)
