"""From trained runs to the files from which the insight figures are drawn.

network/insight.safetensors    images and maps; "2/filters" belongs to the third network
network/insight.json           the runs and every number about them; written last
network/surface.parquet        run, arch, x, y, loss, mode
The files include the provenance of the runs that a figure shows: device, precision, seed, images.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import save as safetensors_bytes

from landscape.config.network_study import Insight
from landscape.config.runs import Device, Run
from landscape.data import dataset
from landscape.data.batches import Batches
from landscape.errors import UserError
from landscape.insight import surface as surfaces
from landscape.insight.test_images import Subject
from landscape.runtime import device as devices
from landscape.storage.files import read_json, write_bytes, write_json
from landscape.storage.tables import write_table
from landscape.trained import load

PROVENANCE = ("train_images", "device", "precision")  # of run.json
SURFACE = ("run", "arch", "x", "y", "loss", "mode", "seed", *PROVENANCE)
SEED = 0  # of the choice of the surfaces' images and of their directions
BATCH = 500


def collect(
    insight: Insight, results: Path, device: Device = "auto", threads: int | None = None
) -> None:
    """Inspect every run of `insight.runs` and write insight.safetensors and insight.json."""
    from landscape.insight.inspect import look  # imports captum, which surfaces do not need

    if not insight.runs:
        raise UserError("network.insight.runs: names no run to inspect")
    where = devices.resolve(device)
    devices.prepare(where, "float32", threads)
    subject = Subject(results / "data", insight.images, where)
    arrays, networks = subject.arrays(), []
    for index, run_id in enumerate(_trained(insight.runs, results)):
        run, model = load.load(results / run_id, where)
        with devices.measuring_precision(where):
            found, numbers = look(model, subject)
        arrays |= {f"{index}/{name}": array for name, array in found.items()}
        networks.append({**_identity(run), **_provenance(results, run), **numbers})
    path, table = results / "network/insight.safetensors", results / "network/insight.json"
    table.unlink(missing_ok=True)  # it must not describe old arrays
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_bytes(path, safetensors_bytes(whole))
    looked = [network["run"] for network in networks]
    diverged = [run_id for run_id in insight.runs if run_id not in looked]
    write_json(table, {**subject.numbers(), "networks": networks, "diverged": diverged})


def collect_surfaces(
    insight: Insight, results: Path, device: Device = "auto", threads: int | None = None
) -> None:
    """Measure the loss around every run of `insight.surfaces` and write surface.parquet.

    On `surface_images` of the run's training images, not augmented, in fixed batches.
    """
    if not insight.surfaces:
        raise UserError("network.insight.surfaces: names no run to inspect")
    where = devices.resolve(device)
    devices.prepare(where, "float32", threads)
    training = dataset.load(results / "data", "train")
    tables = []
    for run_id in _trained(insight.surfaces, results):
        run, model = load.load(results / run_id, where)
        images, _ = dataset.split(training, run.split)
        key = "network.insight.surface_images"
        images = images[dataset.class_balanced(images.labels, insight.surface_images, SEED, key)]
        batches = list(Batches(images, BATCH, SEED, where))
        along = surfaces.direction(model, SEED, 0), surfaces.direction(model, SEED, 1)
        with devices.measuring_precision(where):
            table = surfaces.surface(model, batches, along, insight.surface_points)
        table.insert(0, "run", run.id)
        table.insert(1, "arch", run.architecture.name)
        made = {"seed": run.seed, **_provenance(results, run)}
        tables.append(table.assign(mode=surfaces.MODE, **made))
    surface = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=SURFACE)
    write_table(results / "network/surface.parquet", surface)


def _trained(run_ids: Sequence[str], results: Path) -> list[str]:
    """The runs that did not diverge; the others have no network to inspect."""
    return [run_id for run_id in run_ids if not load.diverged(results / run_id)]


def _identity(run: Run) -> dict[str, Any]:
    return {
        "run": run.id,
        "arch": run.architecture.name,
        "name": run.name,
        "learning_rate": run.learning_rate,
        "seed": run.seed,
    }


def _provenance(results: Path, run: Run) -> dict[str, Any]:
    facts = read_json(results / run.id / "run.json")
    return {key: facts[key] for key in PROVENANCE}
