"""From trained runs to the files that the insight figures are drawn from.

network/insight.safetensors    images and maps; "2/filters" belongs to the third network
network/insight.json           the runs and every number about them; written last
network/surface.parquet        run, arch, x, y, loss, mode
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.numpy import save as safetensors_bytes

from landscape import dataset, storage, trained
from landscape import device as devices
from landscape.dataset import Images
from landscape.errors import UserError
from landscape.insight import surface as surfaces
from landscape.insight.attribution import grad_cam, integrated_gradients
from landscape.insight.calibration import calibration_error, reliability
from landscape.insight.confusion import class_accuracy, confusion
from landscape.insight.embedding import principal_plane
from landscape.insight.features import feature_maps, penultimate
from landscape.insight.filters import first_filters, shown
from landscape.insight.layers import convolutions
from landscape.insight.mistakes import most_confident_mistakes
from landscape.insight.robustness import disturbed, robustness
from landscape.loaders import Batches, normalized
from landscape.measure.accuracy import predictions
from landscape.models.network import Network
from landscape.network_study import Insight
from landscape.runs import Device, Run

SEED = 0  # of the choice of images and of the surfaces' directions
BATCH = 500
ATTRIBUTED = 4  # images, each of another class

Arrays = dict[str, NDArray[Any]]


def collect(
    insight: Insight, results: Path, device: Device = "auto", threads: int | None = None
) -> None:
    """Look into every run of `insight.runs` and write insight.safetensors and insight.json."""
    if not insight.runs:
        raise UserError("network.insight.runs: names no run to look into")
    where = devices.resolve(device)
    devices.prepare(where, "float32", threads)
    subject = Subject(results / "data", insight.images, where)
    arrays, networks = subject.arrays(), []
    for index, run_id in enumerate(insight.runs):
        run, model = trained.load(results / run_id, where)
        with devices.measuring_precision(where):
            found, numbers = _look(model, subject)
        arrays |= {f"{index}/{name}": array for name, array in found.items()}
        networks.append({**_identity(run), **numbers})
    path, table = results / "network/insight.safetensors", results / "network/insight.json"
    table.unlink(missing_ok=True)  # it must not describe arrays that it has not seen
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    storage.write_bytes(path, safetensors_bytes(whole))
    storage.write_json(table, {**subject.numbers(), "networks": networks})


def collect_surfaces(
    insight: Insight, results: Path, device: Device = "auto", threads: int | None = None
) -> None:
    """Measure the loss around every run of `insight.surfaces` and write surface.parquet.

    On `surface_images` of the images that the run was trained on, not augmented, in fixed batches.
    """
    if not insight.surfaces:
        raise UserError("network.insight.surfaces: names no run to look around")
    where = devices.resolve(device)
    devices.prepare(where, "float32", threads)
    training = dataset.load(results / "data", "train")
    tables = []
    for run_id in insight.surfaces:
        run, model = trained.load(results / run_id, where)
        images, _ = dataset.split(training, run.split)
        key = "network.insight.surface_images"
        images = images[dataset.class_balanced(images.labels, insight.surface_images, SEED, key)]
        batches = list(Batches(images, BATCH, SEED, where))
        along = surfaces.direction(model, SEED, 0), surfaces.direction(model, SEED, 1)
        with devices.measuring_precision(where):
            table = surfaces.surface(model, batches, along, insight.surface_points)
        table.insert(0, "run", run.id)
        table.insert(1, "arch", run.architecture.name)
        tables.append(table.assign(mode=surfaces.MODE))
    storage.write_table(results / "network/surface.parquet", pd.concat(tables, ignore_index=True))


class Subject:
    """The test images that every network is shown: all, a class-balanced part, and a few."""

    def __init__(self, data: Path, count: int, device: torch.device):
        self.device = device
        self.class_names: list[str] = dataset.describe(data)["class_names"]
        self.all = dataset.load(data, "test")
        key = "network.insight.images"
        if count < len(self.class_names):
            raise UserError(f"{key}: {count} is fewer than the {len(self.class_names)} classes")
        chosen = dataset.class_balanced(self.all.labels, count, SEED, key)
        self.part = self.all[chosen]
        self.disturbed = disturbed(self.part)
        kinds = range(0, len(self.class_names), len(self.class_names) // ATTRIBUTED)
        first = [int((self.part.labels == kind).nonzero()[0]) for kind in kinds[:ATTRIBUTED]]
        self.few = self.part[torch.tensor(first)]

    def batches(self, images: Images) -> Batches:
        return Batches(images, BATCH, device=self.device)

    def arrays(self) -> Arrays:
        return {
            "attributed_images": self.few.pixels.numpy(),
            "attributed_labels": self.few.labels.numpy(),
            "embedding_labels": self.part.labels.numpy(),
        }

    def numbers(self) -> dict[str, Any]:
        counts = {"images": len(self.part), "test_images": len(self.all)}
        return {"class_names": self.class_names, **counts}


def _identity(run: Run) -> dict[str, Any]:
    return {
        "run": run.id,
        "arch": run.architecture.name,
        "name": run.name,
        "learning_rate": run.learning_rate,
        "seed": run.seed,
    }


def _look(model: Network, subject: Subject) -> tuple[Arrays, dict[str, Any]]:
    """Arrays and numbers of one network."""
    filters = first_filters(model)
    arrays: Arrays = {"filters": shown(filters.weights)}
    numbers: dict[str, Any] = {"filter_layer": filters.layer, "filter_kind": filters.kind}
    for part in (_maps, _judged, _disturbed):
        more, said = part(model, subject)
        arrays, numbers = arrays | more, numbers | said
    return arrays, numbers


def _maps(model: Network, subject: Subject) -> tuple[Arrays, dict[str, Any]]:
    """Feature maps, attributions to the true class, and the features' plane."""
    inputs = normalized(subject.few.pixels.to(subject.device))
    labels = subject.few.labels.to(subject.device)
    with torch.no_grad():
        confidence, predicted = model(inputs).double().softmax(1).max(1)
    maps = feature_maps(model, inputs[:1])
    arrays: Arrays = {f"features/{place}": array for place, array in enumerate(maps.values())}
    layers = convolutions(model, inputs[:1])
    if layers:
        arrays["grad_cam"] = grad_cam(model, layers[-1].module, inputs, labels)
    arrays["integrated_gradients"], missed = integrated_gradients(model, inputs, labels)
    features = penultimate(model, subject.batches(subject.part))
    arrays["embedding"], shares = principal_plane(features)
    return arrays, {
        "feature_layers": list(maps),
        "grad_cam_layer": layers[-1].name if layers else None,
        "attributed": {"predicted": predicted.tolist(), "confidence": confidence.tolist()},
        "integrated_gradients_missed": missed.tolist(),
        "embedding_variance": shares,
    }


def _judged(model: Network, subject: Subject) -> tuple[Arrays, dict[str, Any]]:
    """What all test images say: confusion, calibration, accuracy by class, worst mistakes."""
    labels = subject.all.labels
    logits = predictions(model, subject.batches(subject.all)).cpu()
    matrix = confusion(logits, labels)
    bins = reliability(logits, labels)
    mistakes = most_confident_mistakes(logits, labels)
    shown_mistakes = subject.all.pixels[torch.tensor(mistakes["image"].to_list(), dtype=torch.long)]
    return {"mistakes": shown_mistakes.numpy()}, {
        "accuracy": float(np.diag(matrix).sum() / matrix.sum()),
        "class_accuracy": class_accuracy(matrix).tolist(),
        "confusion": matrix.tolist(),
        "calibration_error": calibration_error(bins),
        "reliability": bins.to_dict("list"),
        "mistakes": mistakes.to_dict("list"),
    }


def _disturbed(model: Network, subject: Subject) -> tuple[Arrays, dict[str, Any]]:
    table = robustness(model, subject.part, subject.disturbed, subject.device)
    rows = table.astype(object).where(table.notna(), None)
    return {}, {"robustness": rows.to_dict("list")}
