"""Predicted training times on a GPU, computed without one; not a measurement.

A replayed step executes one kernel after another. Its time is therefore a sum: arithmetic at a
share of the rate of a large product, reading and writing memory, and pauses between kernels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import nn

from landscape.bench import sprints
from landscape.config.architectures import Architecture
from landscape.config.runs import Run
from landscape.config.study import Study
from landscape.measure.flops import training_flops, twin_and_image
from landscape.models import registry as models

ARITHMETIC_SHARE = 0.4  # share of a large product's rate that convolutions of small images reach
MEMORY_SHARE = 0.7  # share of a large copy's rate that elementwise kernels reach
PAUSE_SECONDS = 1.5e-6  # seconds between two nodes of a graph
# Passes over memory in a step: over each layer's output (written and read forward, and the same
# with its gradient, backward), over the parameters (gradients, an optimizer with two moments), and
# over the parameters again where gradients are compared with the step before.
PASSES = {"outputs": 6, "parameters": 10, "measures": 6}
# Kernels of a replayed step; tests/cuda checks the bounds. bfloat16 adds the casts of each layer's
# weights. The measure on one mini-batch counts by its share of the steps.
NODES = {"vgg_a": 160, "vgg_a_bn": 185, "speedrun": 300, "fast": 350}


@dataclass(frozen=True)
class Card:
    """Rates of a large product (operations/s) by precision, and of a large copy (bytes/s)."""

    flops: dict[str, float]
    copied_bytes: float


# bfloat16 and copies as measured, float32 and TF32 in proportion to NVIDIA's data sheets.
CARDS = {
    "H100": Card({"float32": 54e12, "tf32": 400e12, "bfloat16": 798e12}, 3.0e12),
    "H200": Card({"float32": 54e12, "tf32": 400e12, "bfloat16": 790e12}, 4.3e12),
}


def step_seconds(run: Run, nodes: int, card: Card, precision: str, side: int = 32) -> float:
    """Seconds of one replayed step of `nodes` kernels, on images of `side` pixels."""
    flops, outputs, parameters = _sizes(run.architecture, side)
    work = flops * run.batch_size
    wide = 2 if precision == "bfloat16" else 4
    moved = PASSES["outputs"] * wide * run.batch_size * outputs
    moved += PASSES["parameters"] * 4 * parameters
    moved += PASSES["measures"] * 4 * parameters if run.gradient_lags else 0
    return (
        work / (ARITHMETIC_SHARE * card.flops[precision])
        + moved / (MEMORY_SHARE * card.copied_bytes)
        + nodes * PAUSE_SECONDS
    )


def training_seconds(run: Run, images: int, nodes: int, card: Card, precision: str) -> float:
    """Seconds of all steps of a run on so many images; some steps may use smaller copies."""
    steps = run.steps or -(-images // run.batch_size) * (run.epochs or 0)
    small = run.small_images
    share = small.share if small else 0.0
    seconds = (1 - share) * step_seconds(run, nodes, card, precision)
    if small:
        seconds += share * step_seconds(run, nodes, card, precision, small.size)
    return steps * seconds


def predictions(study: Study, images: int = 50_000) -> list[dict[str, Any]]:
    """A row for one seed of `bands` in each precision, and for each network for short runs.

    Seconds on each GPU; for `bands` the sum over its runs, one after another, without their start.
    """
    assert study.bands is not None
    seed = study.bands.seeds[0]
    bands = [run for run in study.runs if run.study == "bands" and run.seed == seed]
    rows = [
        _row("one seed of bands", precision, bands, images)
        for precision in ("float32", "tf32", "bfloat16")
    ]
    for name in sprints.NETWORKS:
        runs = [run for run in study.runs if run.name == f"final/{name}"][:1]
        rows += [_row(name, "bfloat16", runs, images - run.split.validation_images) for run in runs]
    return rows


def _row(what: str, precision: str, runs: Sequence[Run], images: int) -> dict[str, Any]:
    seconds = {
        name: sum(
            training_seconds(run, images, NODES[run.architecture.name], card, precision)
            for run in runs
        )
        for name, card in CARDS.items()
    }
    return {"what": what, "precision": precision, "runs": len(runs), **seconds}


@cache
def _sizes(architecture: Architecture, side: int) -> tuple[int, int, int]:
    """For one image: operations of a training step, numbers in all layers' outputs; parameters."""
    model = models.build(architecture, seed=0)
    outputs = 0

    def count(layer: nn.Module, inputs: object, output: torch.Tensor) -> None:
        nonlocal outputs
        outputs += output.numel()

    twin, image = twin_and_image(model, side)
    for layer in twin.modules():
        if not any(layer.children()):
            layer.register_forward_hook(count)
    with torch.no_grad():
        twin(image)
    return training_flops(model, side), outputs, models.count_parameters(model)
