"""How time and memory grow with width, batch size and number of images."""

import multiprocessing
from pathlib import Path
from typing import Any

import torch

from landscape.bench import BANDS
from landscape.bench.answer import answer
from landscape.bench.contenders import contender
from landscape.bench.memory import peak_megabytes
from landscape.bench.timing import seconds_per_step, warm_up
from landscape.config.runs import Run, Split
from landscape.data import dataset
from landscape.runtime import device as devices

WIDTHS = (0.25, 0.5, 1.0)
BATCHES = (32, 128, 512)
SHARES = (0.25, 0.5, 1.0)  # of the training images
STEPS = {"cuda": 200, "cpu": 3}


def growth(run: Run, results: Path, threads: int) -> list[dict[str, Any]]:
    """A row for each value of one size, with the run's other sizes, each in its own process."""
    count = len(dataset.load(results / "data", "train").labels)
    architecture = run.architecture
    cases: list[tuple[str, float, dict[str, Any]]] = [
        *(
            ("width", w, {"architecture": architecture.model_copy(update={"width": w})})
            for w in WIDTHS
        ),
        *(("batch_size", n, {"batch_size": n}) for n in BATCHES if n <= count),
        *(("images", round(s * count), {}) for s in SHARES),
    ]
    rows = []
    for what, size, changes in cases:
        images = int(size) if what == "images" else count
        measured = _in_process(run.model_copy(update=changes), results, images, threads)
        rows.append({"grows": what, "size": size, **measured})
    return rows


def _in_process(run: Run, results: Path, images: int, threads: int) -> dict[str, float]:
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    child = context.Process(target=_measure, args=(run, results, images, threads, queue))
    child.start()
    found: dict[str, float] = answer(queue, [child])
    child.join()
    return found


def _measure(run: Run, results: Path, images: int, threads: int, queue: Any) -> None:
    device = devices.resolve(run.device)
    devices.prepare(device, run.precision, threads)
    part, _ = dataset.split(
        dataset.load(results / "data", "train"), Split(train_images=images, seed=0)
    )
    advance = contender(BANDS, run, part, device).advance
    warm_up(advance, device)
    found = {
        "seconds_per_step": seconds_per_step(advance, STEPS[device.type], device),
        "memory_mb": peak_megabytes(),
    }
    if device.type == "cuda":
        found["device_memory_mb"] = torch.cuda.max_memory_allocated() / 2**20
    queue.put(found)
