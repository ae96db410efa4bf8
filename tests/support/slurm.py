"""A real Slurm on this machine: munged, slurmctld and slurmd as processes of their own.

One node with four `gpu` gres on device files of their own, no systemd, no cgroups and no database.
The configuration must stand in /etc/slurm, because the jobs of Snakemake's plugin drop SLURM_CONF.
"""

import os
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

CONFIGURATION = Path("/etc/slurm")
OURS = "# Written by tests/cluster; removed when they end.\n"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "sinfo")
GPUS = 4
PORT = 26817
NULL_DEVICE = os.makedev(1, 3)

SLURM = """\
ClusterName=tests
SlurmctldHost={host}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=30
StateSaveLocation={folder}/slurmctld
SlurmdSpoolDir={folder}/slurmd
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldPort={port}
SlurmdPort={node_port}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=1,sched_interval=2
GresTypes=gpu
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
MinJobAge=7200
NodeName={host} CPUs={cpus} RealMemory=100000 Gres=gpu:{gpus}
PartitionName=tests Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def lacking() -> str | None:
    """Why Slurm cannot be started here; None if it can."""
    if os.geteuid() != 0:
        return "a Slurm of our own needs root"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (apt-get install slurm-wlm munge)"
    present = CONFIGURATION / "slurm.conf"
    if present.exists() and not present.read_text("utf-8").startswith(OURS):
        return f"{present} belongs to another Slurm"
    with socket.socket() as asked:
        if asked.connect_ex(("localhost", PORT)) == 0:
            return "other tests have a Slurm running here"
    return None


class Slurm:
    """The daemons, and what one asks them."""

    def __init__(self, cpus: int = 8):
        reason = lacking()
        if reason:
            raise RuntimeError(reason)
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        self.folder.chmod(0o755)
        self.host = socket.gethostname().partition(".")[0]
        self.daemons: list[subprocess.Popen[bytes]] = []
        self._configure(cpus)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _configure(self, cpus: int) -> None:
        for name in ("slurmctld", "slurmd"):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        cards = [self.folder / f"gpu{i}" for i in range(GPUS)]
        for card in cards:
            os.mknod(card, 0o666 | stat.S_IFCHR, NULL_DEVICE)
        CONFIGURATION.mkdir(exist_ok=True)
        values = {"host": self.host, "folder": self.folder, "cpus": cpus, "gpus": GPUS}
        text = OURS + SLURM.format(**values, port=PORT, node_port=PORT + 1)
        (CONFIGURATION / "slurm.conf").write_text(text, "utf-8")
        gres = "".join(f"NodeName={self.host} Name=gpu File={card}\n" for card in cards)
        (CONFIGURATION / "gres.conf").write_text(OURS + gres, "utf-8")

    def _start(self) -> None:
        folder = self.folder
        munge = ["munged", "--foreground", "--force"]
        for option, name in (
            ("key-file", "munge.key"),
            ("socket", "munge.socket"),
            ("pid-file", "munged.pid"),
            ("log-file", "munged.log"),
            ("seed-file", "munged.seed"),
        ):
            munge.append(f"--{option}={folder / name}")
        for command, ready in (
            (munge, lambda: (folder / "munge.socket").exists()),
            (["slurmctld", "-D", "-i"], lambda: self._answers("ping")),
            (["slurmd", "-D", "-N", self.host], lambda: "idle" in self.ask("sinfo", "-h", "-o%T")),
        ):
            with (folder / f"{command[0]}.out").open("wb") as output:
                daemon = subprocess.Popen(command, stdout=output, stderr=output)
            self.daemons.append(daemon)
            self.wait_until(ready, f"{command[0]} is up", 30)

    def _answers(self, question: str) -> bool:
        done = subprocess.run(["scontrol", question], capture_output=True, text=True)
        return "is UP" in done.stdout

    def wait_until(self, condition, what: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            for daemon in self.daemons:
                assert daemon.poll() is None, f"{daemon.args} ended; see {self.folder}"
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
            time.sleep(0.05)

    def ask(self, *command: str) -> str:
        """What a Slurm program prints."""
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def jobs(self, *states: str) -> list[dict[str, str]]:
        """Jobs in these states (all that Slurm remembers, if none is named)."""
        names = ("id", "state", "comment")
        output = self.ask("squeue", "-h", f"--states={','.join(states) or 'all'}", "-o%i|%T|%k")
        return [dict(zip(names, line.split("|"), strict=True)) for line in output.splitlines()]

    def gpus_in_use(self) -> int:
        """By the scheduler's own account of the node."""
        return _gpus(self.node().get("GresUsed", ""))

    def node(self) -> dict[str, str]:
        words = self.ask("scontrol", "-d", "show", "node", self.host).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def job(self, job_id: str) -> dict[str, str]:
        """All that Slurm says of one job."""
        words = self.ask("scontrol", "show", "job", job_id).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def minutes(self, job_id: str) -> int:
        """That a job has run, rounded down; of jobs of less than a day."""
        hours, minutes, _ = self.job(job_id)["RunTime"].split(":")
        return 60 * int(hours) + int(minutes)

    def limit(self, job_id: str, minutes: int) -> None:
        self.ask("scontrol", "update", f"JobId={job_id}", f"TimeLimit={minutes}")

    def is_empty(self) -> bool:
        return not self.jobs("PENDING", "RUNNING", "COMPLETING", "SUSPENDED")

    def clear(self) -> None:
        """No jobs in the queue, the node in service."""
        subprocess.run(["scancel", "--user=root"], check=False)
        if not self.in_service():
            self.resume()
        self.wait_until(self.is_empty, "the queue is empty", 60)

    def in_service(self) -> bool:
        state = self.node()["State"]
        return "DRAIN" not in state and "DOWN" not in state

    def resume(self) -> None:
        """Bring the node back; a failed one may just have come back by itself, and that is fine."""
        with suppress(subprocess.CalledProcessError):
            self.set_node("resume")
        self.wait_until(self.in_service, "the node is in service", 60)

    def set_node(self, state: str) -> None:
        self.ask("scontrol", "update", f"NodeName={self.host}", f"State={state}", "Reason=a test")

    def stop(self) -> None:
        with suppress(Exception):  # where it never came up, there are no jobs either
            self.clear()
        for daemon in reversed(self.daemons):
            daemon.terminate()
        for daemon in self.daemons:
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
        for name in ("slurm.conf", "gres.conf"):
            (CONFIGURATION / name).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def _gpus(text: str) -> int:
    """gpu:(null):2(IDX:0-1) → 2"""
    for part in text.split(","):
        if part.startswith("gpu:"):
            return int(part.partition("(IDX")[0].rpartition(":")[2])
    return 0
