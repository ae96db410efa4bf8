"""Accuracy, size and speed of a trained network, from its weights."""

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath

import torch
from torch import nn

from landscape.config.runs import Device, Run
from landscape.data import dataset
from landscape.data.batches import Batches
from landscape.errors import UserError
from landscape.measure import accuracy
from landscape.measure.flops import forward_flops
from landscape.models import registry as models
from landscape.runtime import device as devices
from landscape.storage import files
from landscape.trained import load

WEIGHTS = "model.safetensors"
BATCHES = (1, 128)  # batch sizes for which the latency is measured
WARM_UP = 3  # passes before timing starts
REPETITIONS = range(5, 101)  # repetitions: at least and at most, within
SECONDS = 2.0


def evaluate(weights: Path, data: Path | None, device: Device, threads: int | None) -> None:
    """Print test accuracy, size, cost and latency of the network in `weights`, all in float32.

    `data` is the prepared dataset, by default that of the results folder of the weights.
    """
    folder = folder_of(weights)
    place = devices.resolve(device)
    devices.prepare(place, "float32", threads)
    run, network = load.load(folder, place)
    data = data or data_of(folder, run)
    if data is None:
        raise UserError(
            f"{folder}: not in a results folder, which would have its data; give --results"
        )
    description = dataset.describe(data)
    for line in notes(folder, data):
        print(line)
    print(f"{run.id}: {run.architecture.name} on {description['name']}")
    test = Batches(dataset.load(data, "test"), accuracy.EVALUATION_BATCH, device=place)
    with devices.measuring_precision(place):
        for label, value in _facts(folder, network, test):
            print(f"  {label:<20} {value}")


def _facts(folder: Path, network: nn.Module, test: Batches) -> Iterator[tuple[str, str]]:
    """The printed lines, one by one as they are computed."""
    device = test.labels.device
    yield "test images", f"{len(test.labels):,}"
    loss, plain = accuracy.evaluate(network, test)
    yield "accuracy", _accuracy(plain)
    yield "with six views", _accuracy(accuracy.evaluate(network, test, accuracy.six_views)[1])
    yield "loss", f"{loss:.4f}"
    yield "parameters", f"{models.count_parameters(network):,}"
    yield "forward pass", f"{forward_flops(network) / 1e6:,.1f} MFLOP per image"
    yield "weights file", f"{(folder / WEIGHTS).stat().st_size / 1e6:,.2f} MB"
    for batch in BATCHES:
        yield f"latency, {batch} at once", latency(network, batch, device)
    yield "measured on", f"{devices.name(device)}, float32"


def _accuracy(share: float) -> str:
    return f"{100 * share:.2f} % (error {100 * (1 - share):.2f} %)"


def latency(network: nn.Module, batch: int, device: torch.device) -> str:
    """Milliseconds per image of forward passes of `batch` images: the median and the quartiles."""
    inputs = torch.zeros(batch, 3, 32, 32, device=device).to(memory_format=torch.channels_last)
    with torch.no_grad():
        seconds = repeated(lambda: network(inputs), device)
    low, median, high = (
        1000 * value / batch for value in statistics.quantiles(seconds, n=4, method="inclusive")
    )
    return (
        f"{median:.3f} ms per image (quartiles {low:.3f} to {high:.3f}, {len(seconds)} repetitions)"
    )


def repeated(action: Callable[[], object], device: torch.device) -> list[float]:
    """Seconds of repetitions of the action, after a warm-up."""
    seconds: list[float] = []
    for index in range(-WARM_UP, REPETITIONS.stop - 1):
        started = time.perf_counter()
        action()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if index >= 0:
            seconds.append(time.perf_counter() - started)
        if len(seconds) >= REPETITIONS.start and sum(seconds) > SECONDS:
            break
    return seconds


def folder_of(weights: Path) -> Path:
    """The run's folder, from its path or that of its weights."""
    if weights.is_dir():
        return weights
    if not weights.exists():
        raise UserError(f"{weights}: no such file")
    if weights.name != WEIGHTS:
        raise UserError(
            f"{weights}: must be a {WEIGHTS} with its run.json in the same folder, or a folder"
        )
    return weights.parent


def data_of(folder: Path, run: Run) -> Path | None:
    """The data of the results folder around a run's folder; None if it was moved out."""
    inside, whole = PurePath(run.id).parts, folder.resolve()
    if whole.parts[-len(inside) :] != inside:
        return None
    return whole.parents[len(inside) - 1] / "data"


def notes(folder: Path, data: Path) -> Iterator[str]:
    """A note if the data are not those of the training."""
    then = files.read_json(folder / "run.json").get("data")
    now = dataset.describe(data)["sha256"]
    if then != now:
        yield f"note: {data} has other images than those that the network was trained on"
