"""The gain from several runs on one device at the same time."""

import multiprocessing
import time
from pathlib import Path
from typing import Any

import torch

from landscape.bench import BANDS
from landscape.bench.answer import answer
from landscape.bench.contenders import contender
from landscape.bench.timing import synchronize, warm_up
from landscape.config.runs import Run
from landscape.data import dataset
from landscape.runtime import device as devices

COUNTS = (1, 2, 4)


def sharing(
    run: Run, results: Path, device: torch.device, seconds: float, cores: int
) -> list[dict[str, Any]]:
    """Steps per second of all runs together: in separate processes, and on streams of one."""
    counts = [count for count in COUNTS if device.type == "cuda" or count <= cores]
    rows = [_row("processes", n, _in_processes(n, run, results, seconds, cores)) for n in counts]
    if device.type == "cuda":
        images = dataset.load(results / "data", "train")
        rows += [_row("streams", n, _on_streams(n, run, images, device, seconds)) for n in counts]
    return rows


def _row(way: str, runs: int, rate: float) -> dict[str, Any]:
    return {"way": way, "runs": runs, "steps_per_second": rate}


def _in_processes(count: int, run: Run, results: Path, seconds: float, cores: int) -> float:
    """Runs that start together after warm-up and divide the cores as Snakemake does."""
    context = multiprocessing.get_context("spawn")
    barrier, rates = context.Barrier(count), context.Queue()
    arguments = (run, results, seconds, max(1, cores // count), barrier, rates)
    children = [context.Process(target=_child, args=arguments) for _ in range(count)]
    for child in children:
        child.start()
    total = sum(answer(rates, children) for _ in children)
    for child in children:
        child.join()
    return float(total)


def _child(run: Run, results: Path, seconds: float, threads: int, barrier: Any, rates: Any) -> None:
    device = devices.resolve(run.device)
    devices.prepare(device, run.precision, threads)
    images = dataset.load(results / "data", "train")
    advance = contender(BANDS, run, images, device).advance
    warm_up(advance, device)
    barrier.wait()
    rates.put(_rate([advance], device, seconds))
    barrier.wait()  # no process may end, and free resources, while others are timed


def _on_streams(
    count: int, run: Run, images: dataset.Images, device: torch.device, seconds: float
) -> float:
    seeds = [run.model_copy(update={"seed": seed}) for seed in range(count)]
    with devices.tf32_allowed(run.precision == "tf32"):
        advances = [contender(BANDS, one, images, device).advance for one in seeds]
        for advance in advances:  # one after another: a capture tolerates no other work
            warm_up(advance, device)
        return _rate(advances, device, seconds)


def _rate(advances: list[Any], device: torch.device, seconds: float) -> float:
    steps, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        for advance in advances:
            advance()
        steps += len(advances)
        if steps % 50 < len(advances):  # the host must not run ahead by seconds
            synchronize(device)
    synchronize(device)
    return steps / (time.perf_counter() - started)
