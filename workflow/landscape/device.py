"""Device, precision and determinism: decided once, before the first tensor."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from landscape.errors import UserError
from landscape.runs import Device, Precision


def resolve(device: Device) -> torch.device:
    """The torch device that a configured device means on this machine."""
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise UserError("device: cuda, but torch finds no CUDA device here; use auto or cpu")
    return torch.device("cuda")


def prepare(device: torch.device, precision: Precision, threads: int | None) -> None:
    """Make repeats bitwise equal, refuse a precision that the device lacks, set the CPU threads."""
    if threads is not None:
        torch.set_num_threads(threads)
    if device.type == "cpu" and precision == "tf32":
        raise UserError("precision: tf32 exists on NVIDIA GPUs only; use float32 on a CPU")
    if device.type == "cpu" and precision == "bfloat16" and not cpu_has_bfloat16():
        raise UserError(
            "precision: bfloat16 is tens of times slower than float32 on this CPU, which lacks "
            "avx512_bf16 and amx_bf16; use float32"
        )
    # cuBLAS is deterministic only with a workspace of fixed size, read when its handle is made.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if device.type == "cuda":  # on a CPU every operation here repeats bit for bit as it is
        torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    _allow_tf32(precision == "tf32")


def cpu_has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 matrices in hardware."""
    try:
        flags = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return False
    return any(flag in flags for flag in ("avx512_bf16", "amx_bf16"))


@contextmanager
def training_precision(device: torch.device, precision: Precision) -> Iterator[None]:
    """Forward passes of training: autocast where bfloat16 is configured."""
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        yield


@contextmanager
def measuring_precision(device: torch.device) -> Iterator[None]:
    """Forward and backward passes of a measurement: float32, whatever the training uses."""
    tf32 = torch.backends.cudnn.allow_tf32
    _allow_tf32(False)
    try:
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        _allow_tf32(tf32)


def _allow_tf32(allowed: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def name(device: torch.device) -> str:
    """What a reader calls the device: the GPU's model, or the CPU's with its threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_cpu_model()}, {torch.get_num_threads()} threads"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())
