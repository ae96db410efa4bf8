"""Each contender's steps per second, and their ratios."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch

from landscape.bench import (
    BANDS,
    BARE,
    CONTIGUOUS,
    PLAIN,
    PROBE,
    PROBED,
    PRODUCT,
    UNMEASURED,
    ceilings,
)
from landscape.bench.contenders import Contender, contender, plain_process
from landscape.bench.timing import interleaved
from landscape.config.runs import Precision, Run
from landscape.data.dataset import Images
from landscape.measure.flops import training_flops
from landscape.models import registry as models
from landscape.runtime import device as devices


def precisions(device: torch.device) -> tuple[Precision, ...]:
    """The precisions that training may use here; bfloat16 on a CPU only if it is not slower."""
    if device.type == "cuda":
        return ("float32", "tf32", "bfloat16")
    fast = devices.cpu_bfloat16_slowdown() <= devices.TOLERATED_SLOWDOWN
    return ("float32", "bfloat16") if fast else ("float32",)


def race(
    bands: Run, probe: Run, images: Images, device: torch.device, rounds: int, slot_seconds: float
) -> list[dict[str, Any]]:
    """A row for each contender in each precision for one architecture, all interleaved."""
    products = {precision: ceilings.product(device, precision) for precision in precisions(device)}
    with ExitStack() as stack:
        entries = [
            stack.enter_context(plain_process(bands, images, device)),
            *(
                contender(kind, run.model_copy(update={"precision": precision}), images, device)
                for precision in precisions(device)
                for kind, run in _runs(bands, probe, device, precision)
            ),
            *(
                Contender(PRODUCT, bands.architecture.name, precision, multiply)
                for precision, (multiply, _) in products.items()
            ),
        ]
        advances = [_in_precision(entry) for entry in entries]
        taken = interleaved(advances, device, rounds, slot_seconds)
    seconds = {
        (entry.kind, entry.precision): np.array(samples)
        for entry, samples in zip(entries, taken, strict=True)
    }
    assert probe.probe is not None
    rows = []
    for precision in precisions(device):
        measured, probed = seconds[BANDS, precision], seconds.pop((PROBED, precision))
        seconds[PROBE, precision] = measured + (probed - measured) / probe.probe.every
    work = training_flops(models.build(bands.architecture, bands.seed)) * bands.batch_size
    ceiling = {p: products[p][1] / seconds.pop((PRODUCT, p)) for p in precisions(device)}
    for (kind, precision), samples in seconds.items():
        row = {
            "architecture": bands.architecture.name,
            "kind": kind,
            "precision": precision,
            "batch_size": bands.batch_size,
            "steps_per_second": _spread(1 / samples),
            "times_plain": _spread(seconds[PLAIN, "float32"] / samples),
            "share_of_bare": _spread(seconds[BARE, precision] / samples),
            "measuring_cost": _spread(samples / seconds[UNMEASURED, precision] - 1),
            "flops_per_second": work / float(np.median(samples)),
            "share_of_ceiling": float(np.median(work / samples / ceiling[precision])),
            "seconds_per_step": samples.tolist(),
        }
        rows.append(row)
    return rows


def _runs(
    bands: Run, probe: Run, device: torch.device, precision: Precision
) -> list[tuple[str, Run]]:
    """The run for each kind; `probed` is probed at every step, so that none is missed.

    Both layouts in float32 on a GPU, where cuDNN has a way of its own for channels-last batches.
    """
    assert probe.probe is not None
    every_step = probe.probe.model_copy(update={"every": 1})
    probed = probe.model_copy(update={"probe": every_step})
    both = device.type == "cuda" and precision == "float32"
    bare = [(BARE, bands), *([(CONTIGUOUS, bands)] if both else [])]
    return [*bare, (UNMEASURED, bands), (BANDS, bands), (PROBED, probed)]


def _in_precision(entry: Contender) -> Callable[[], None]:
    def advance() -> None:
        with devices.tf32_allowed(entry.precision == "tf32"):
            entry.advance()

    return advance


def _spread(values: Any) -> dict[str, float]:
    """Median and quartiles over the rounds."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return {"median": float(middle), "low": float(low), "high": float(high)}
