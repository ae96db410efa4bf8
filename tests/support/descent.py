"""Networks on the path of plain stochastic gradient descent, in float64."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from landscape.config.architectures import Vgg
from landscape.data import dataset
from landscape.data.batches import Batches
from landscape.measure import probe as probes
from landscape.models import registry as models
from landscape.models.flat_parameters import FlatParameters

RATE = 0.1
Point = tuple[nn.Module, FlatParameters, torch.Tensor, torch.Tensor]


def checkpoints(
    results: Path, name: str, steps: Sequence[int], width: float = 0.1, batch_size: int = 64
) -> Iterator[tuple[int, Point]]:
    """After each number of steps: (model, its flat parameters, images and labels of a batch)."""
    model = models.build(Vgg.model_validate({"name": name, "width": width}), 0).double().train()
    flat = FlatParameters(model)
    batches = Batches(dataset.load(results / "data", "train"), batch_size, seed=0)
    for index in range(max(steps) + 1):
        inputs, labels = batches.batch(index)
        inputs = inputs.double()
        if index in steps:
            yield index, (model, flat, inputs, labels)
        flat.gradient.zero_()
        cross_entropy(model(inputs), labels).backward()
        flat.vector.sub_(flat.gradient, alpha=RATE)


def probed(point: Point, relative: Sequence[float]) -> dict[str, list[float]]:
    """The probe's columns at this point, for step sizes relative to the learning rate."""
    rows = probes.probe(*point, cross_entropy, [RATE * size for size in relative])
    return {name: rows[:, i].numpy() for i, name in enumerate(probes.COLUMNS)}
