"""Device, precision and determinism: decided once, before the first tensor."""

import ctypes
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch

from landscape.config.runs import Device, Precision
from landscape.errors import UserError

BFLOAT16_AND_TF32 = (8, 0)  # the compute capability from which on NVIDIA's GPUs have them
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's malloc.h
TOLERATED_SLOWDOWN = 1.2  # of bfloat16 against float32; more is a mistake, not noise


def resolve(device: Device) -> torch.device:
    """The torch device that a configured device means on this machine."""
    if device == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    if device == "cuda":
        raise UserError("device: cuda, but torch finds no CUDA device here; use auto or cpu")
    if torch.backends.mps.is_available():
        obstacle = unsupported(torch.device("mps"))
        if obstacle is None:
            return torch.device("mps")
        print(f"device: auto is the CPU here, for Apple's MPS lacks {obstacle}", file=sys.stderr)
    return torch.device("cpu")


def unsupported(device: torch.device) -> str | None:
    """What a device cannot do of all that training and measuring need, and its reason; or None.

    Tried, not looked up: which operations a backend has changes from one torch to the next.
    """
    for what, attempt in (
        ("sums in float64", _sum_in_float64),
        ("second derivatives of a network", _differentiate_twice),
    ):
        try:
            attempt(device)
        except (RuntimeError, TypeError) as error:  # NotImplementedError is a RuntimeError
            return f"{what} ({str(error).splitlines()[0]})"
    return None


def _sum_in_float64(device: torch.device) -> None:
    vector = torch.ones(4, device=device)
    torch.linalg.vector_norm(vector, dtype=torch.float64)
    torch.dot(vector.double(), vector.double())


def _differentiate_twice(device: torch.device) -> None:
    images = torch.linspace(-1, 1, 2 * 3 * 8 * 8, device=device).reshape(2, 3, 8, 8)
    weight = torch.linspace(-1, 1, 4 * 3 * 3 * 3, device=device).reshape(4, 3, 3, 3)
    weight.requires_grad_()
    functional = torch.nn.functional
    hidden = functional.conv2d(images, weight, padding=1)
    hidden = functional.batch_norm(hidden, None, None, training=True).relu()
    logits = functional.max_pool2d(hidden, 2).mean((2, 3))
    loss = functional.cross_entropy(logits, torch.tensor([0, 1], device=device))
    (gradient,) = torch.autograd.grad(loss, weight, create_graph=True)
    torch.autograd.grad(gradient.square().sum(), weight)


def prepare(device: torch.device, precision: Precision, threads: int | None) -> None:
    """Make repeats bitwise equal, refuse a precision that the device lacks, set the CPU threads."""
    if threads is not None:
        torch.set_num_threads(threads)
    if device.type == "cpu":
        _keep_freed_memory()
    if precision in ("tf32", "bfloat16") and device.type == "cuda" and not _has_short_types(device):
        raise UserError(
            f"precision: {name(device)} has no {precision}, which exists from compute capability "
            f"{'.'.join(map(str, BFLOAT16_AND_TF32))} on; use float32"
        )
    if device.type == "mps" and precision in ("tf32", "bfloat16"):
        raise UserError(f"precision: {precision} is not tried on Apple's MPS; use float32")
    if device.type == "cpu" and precision == "tf32":
        raise UserError("precision: tf32 exists on NVIDIA GPUs only; use float32 on a CPU")
    if device.type == "cpu" and precision == "bfloat16":
        slower = cpu_bfloat16_slowdown()
        if slower > TOLERATED_SLOWDOWN:
            raise UserError(
                f"precision: bfloat16 takes {slower:.1f} times as long as float32 on this CPU; "
                "use float32"
            )
    # cuBLAS is deterministic only with a workspace of fixed size, read when its handle is made.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if device.type == "cuda":  # on a CPU every operation here repeats bit for bit as it is
        torch.use_deterministic_algorithms(True)
        # Nothing here reads memory that it has not written.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    _allow_tf32(precision == "tf32")


def chosen(device: torch.device, precision: Precision) -> Precision:
    """The precision that is meant: `auto` is bfloat16 where that is the faster one."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bfloat16" if _has_short_types(device) else "float32"
    if device.type == "mps":
        return "float32"
    return "bfloat16" if cpu_bfloat16_slowdown() < 1 / TOLERATED_SLOWDOWN else "float32"


def _has_short_types(device: torch.device) -> bool:
    """Whether a GPU computes in bfloat16 and TF32."""
    return torch.cuda.get_device_capability(device) >= BFLOAT16_AND_TF32


@cache
def cpu_bfloat16_slowdown(side: int = 512, repeats: int = 5) -> float:
    """CPU seconds of a matrix product in bfloat16 over those in float32, best of some repeats.

    Measured, because a flag does not tell: with `amx_bf16` it is far below 1, without any support
    it is tens, and there are CPUs with `avx512_bf16` on which it is nearly 2.
    """
    matrices = {
        kind: torch.ones(side, side, dtype=kind) for kind in (torch.float32, torch.bfloat16)
    }
    seconds = {kind: float("inf") for kind in matrices}
    for _ in range(repeats):
        for kind, matrix in matrices.items():
            started = time.process_time()
            matrix @ matrix
            seconds[kind] = min(seconds[kind], time.process_time() - started)
    return seconds[torch.bfloat16] / seconds[torch.float32]


@contextmanager
def training_precision(device: torch.device, precision: Precision) -> Iterator[None]:
    """Forward passes of training: autocast where bfloat16 is configured."""
    rounded = chosen(device, precision) == "bfloat16"
    with torch.autocast(device.type, torch.bfloat16, enabled=rounded):
        yield


@contextmanager
def measuring_precision(device: torch.device) -> Iterator[None]:
    """Forward and backward passes of a measurement: float32, whatever the training uses."""
    with tf32_allowed(False), torch.autocast(device.type, enabled=False):
        yield


@contextmanager
def tf32_allowed(allowed: bool) -> Iterator[None]:
    """Inside the block NVIDIA's matrix units may round to TF32, or may not."""
    before = torch.backends.cudnn.allow_tf32
    _allow_tf32(allowed)
    try:
        yield
    finally:
        _allow_tf32(before)


def _keep_freed_memory() -> None:
    """Let malloc keep what is freed for the next step, which needs just as much of it.

    As it comes, glibc gives every tensor of more than 32 MB back to the kernel, and each step then
    waits for hundreds of megabytes of zeroed pages: 5 to 15 % of its time. The peak of memory grows
    by a few percent.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(M_MMAP_MAX, 0)
            mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def _allow_tf32(allowed: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def name(device: torch.device) -> str:
    """What a reader calls the device: the GPU's model, or the CPU's with its threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return f"Apple MPS, {platform.machine()}"
    count = torch.get_num_threads()
    return f"{_cpu_model()}, {count} thread{'' if count == 1 else 's'}"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())
