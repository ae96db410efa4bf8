"""Handing out GPUs: Snakemake counts them but does not say which.

A GPU, or a share of one, is a locked file. The files belong to the machine and not to a results
folder, so two studies on one machine never hold the same GPU.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from landscape.errors import UserError
from landscape.runtime.locks.files import (
    JOB,
    POLL_SECONDS,
    Locks,
    acquired,
    say,
    sign,
    signature,
)

VISIBLE = "CUDA_VISIBLE_DEVICES"
HIP_VISIBLE = "HIP_VISIBLE_DEVICES"  # if it is set, HIP reads it and not the other
FOLDER = "LANDSCAPE_LOCKS"  # environment variable: the folder of the machine's lock files
AMD_DRIVER = Path("/dev/kfd")  # what HIP opens; it is there on every machine with ROCm
COUNT = "import torch; print(torch.cuda.device_count())"


def cards() -> list[str]:
    """The GPUs that this process may use, as `_variable` names them, without torch in this process.

    None inside a Slurm job with one GPU, which the scheduler has handed out.
    """
    if JOB in os.environ:
        given = visible(os.environ.get(_variable(), ""))
        return given if len(given) > 1 else []
    if _variable() in os.environ:
        return visible(os.environ[_variable()])
    if shutil.which("nvidia-smi") is not None:
        return installed(_said("nvidia-smi", "-L"))
    if shutil.which("rocm-smi") is not None:
        return numbered(_said("rocm-smi", "--showid", "--json"))
    if AMD_DRIVER.exists():  # a container often has torch's copy of ROCm and none of its programs
        return [str(number) for number in range(int(_said(sys.executable, "-c", COUNT) or 0))]
    return []


def _variable() -> str:
    """The environment variable that says which GPUs a process may use."""
    return HIP_VISIBLE if HIP_VISIBLE in os.environ else VISIBLE


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def visible(text: str) -> list[str]:
    """The names in CUDA_VISIBLE_DEVICES. An impossible one ends the list."""
    names: list[str] = []
    for name in (part.strip() for part in text.split(",")):
        if not name or name == "-1":
            break
        names.append(name)
    return names


def installed(listed: str) -> list[str]:
    """The names in the output of `nvidia-smi -L`; a GPU with MIG devices counts as these."""
    found: list[list[str]] = []
    for line in listed.splitlines():
        name = line.rpartition("(UUID: ")[2].rstrip(")")
        if line.startswith("GPU "):
            found.append([name])
        elif line.strip().startswith("MIG "):
            found[-1].append(name)
    return [name for card, *parts in found for name in parts or [card]]


def numbered(listed: str) -> list[str]:
    """AMD's GPUs in the output of `rocm-smi --showid --json`, as HIP counts them: 0, 1, …

    HIP reads CUDA_VISIBLE_DEVICES as CUDA does, but only numbers.
    """
    try:
        found = json.loads(listed)
    except ValueError:  # a warning instead: no GPU, or no driver
        return []
    return [str(number) for number, _ in enumerate(k for k in found if k.startswith("card"))]


def machine_folder() -> Path:
    """The folder of the machine's lock files: $LANDSCAPE_LOCKS, or the user's runtime directory."""
    if FOLDER in os.environ:
        return Path(os.environ[FOLDER])
    if "XDG_RUNTIME_DIR" in os.environ:
        return Path(os.environ["XDG_RUNTIME_DIR"]) / "landscape"
    return Path(tempfile.gettempdir()) / f"landscape-{os.getuid()}"


@contextmanager
def lock_gpu(holder: str, parallel: int = 1, among: Sequence[str] | None = None) -> Iterator[None]:
    """Inside the block, `_variable` names one GPU, of which nobody else holds this share.

    holder: the name of this process, for those that wait. parallel: how many jobs run at the same
    time on this machine; if there are fewer GPUs, they are shared. among: the GPUs to choose from,
    if not all that this process may use. Without GPUs nothing happens. Enter the block before torch
    looks for a GPU.
    """
    names = cards() if among is None else among
    if not names:
        yield
        return
    folder = machine_folder()
    try:
        card, share = _wait(Locks(folder), names, -(-parallel // len(names)), holder)
    except OSError as error:
        raise UserError(
            f"{folder}: no file locks, which are needed to hand out GPUs "
            f"({error.strerror}); set {FOLDER} to another folder, or {VISIBLE} to one GPU "
            "and run one job at a time"
        ) from None
    variable = _variable()
    before = os.environ.get(variable)
    os.environ[variable] = card
    try:
        yield
    finally:
        share.release()
        os.environ.pop(variable)
        if before is not None:
            os.environ[variable] = before


def _wait(locks: Locks, names: Sequence[str], shares: int, holder: str) -> tuple[str, FileLock]:
    """The GPU of which this process now has a share, and the lock of the share."""
    # Slurm numbers the GPUs of each job from 0.
    folder = locks.folder("-job".join(filter(None, [platform.node(), os.environ.get(JOB)])))
    # Each GPU once before any GPU twice: sharing starts only if necessary.
    slots = [
        (name, folder / f"{name.replace('/', '_')}.{k}.lock")
        for k in range(shares)
        for name in names
    ]
    told = False
    while True:
        for name, path in slots:
            share = locks.lock(path)
            if acquired(share):
                sign(share, holder)
                if told:
                    say(f"{holder}: has GPU {name}")
                return name, share
        if not told:
            held = [f"{name} is held by {signature(path)}" for name, path in slots]
            say(f"{holder}: waiting for a GPU. {'; '.join(held)}")
            told = True
        time.sleep(POLL_SECONDS)
