"""The first steps of published runs, trained again on this machine."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from landscape.config.runs import Run
from landscape.config.study import Study
from landscape.data import dataset
from landscape.data.sources import registry as sources
from landscape.errors import UserError
from landscape.release.pack import settings_in
from landscape.runtime import device as devices
from landscape.storage.files import read_json
from landscape.storage.tables import read_table
from landscape.tables.explanations import BN, PLAIN
from landscape.training import job

STEPS = 100
MARGIN = 10.0  # factor on the difference that rounding alone makes on this machine
FLOOR = 1e-5  # share of the loss that is allowed at every step


def repeat(release: Path, data: str | None, steps: int = STEPS) -> Iterator[str]:
    """Train the first `steps` steps of some published runs again; yields a sentence for each.

    On the machine and versions of the original, every measure must be the same, bit for bit.
    Elsewhere the losses must agree within a tolerance that grows with the step, as rounding errors
    do. To find it, the run is trained a second time here with another number of threads, which sums
    in another order. The largest difference so far between these two, times `MARGIN`, is allowed.
    """
    study = settings_in(release)
    with tempfile.TemporaryDirectory() as scratch:
        results = Path(scratch)
        source = study.data.model_copy(update={"path": data} if data else {})
        sources.prepare(source, results / "data")
        _require_same_images(release, results)
        for run in chosen(study):
            yield _compared(release, results, run, steps)


def chosen(study: Study) -> list[Run]:
    """One run of each architecture of `bands`, otherwise of `probe`, otherwise VGG-A with and
    without BatchNorm of the mechanism study.
    """
    if study.bands:
        return study.first_runs("bands", study.bands.architectures)
    if study.probe:
        return study.first_runs("probe", study.probe.architectures)
    if study.mechanism:
        return study.first_runs("mechanism", (PLAIN, BN))
    raise UserError("the release has neither bands, probe nor mechanism to be trained again")


def _require_same_images(release: Path, results: Path) -> None:
    published = read_json(release / "data/dataset.json")
    here = dataset.describe(results / "data")
    if here["sha256"] != published["sha256"]:
        raise UserError(
            f"other images: the release was trained on {published['name']!r} "
            f"(sha256 {published['sha256'][:12]}…), these are {here['name']!r} "
            f"({here['sha256'][:12]}…)"
        )


def _compared(release: Path, results: Path, run: Run, steps: int) -> str:
    record = read_json(release / run.id / "run.json")
    published = read_table(release / run.id / "steps.parquet").iloc[:steps]
    first = _first_steps(run, results, len(published), record["threads"])
    if all(record[key] == value for key, value in _here(run).items()):
        _require_bitwise(release / run.id, published, first)
        return f"{run.id}: {len(published)} steps are equal, bit for bit"
    second = _first_steps(run, results, len(published), 1 if record["threads"] > 1 else 2)
    allowed = tolerance(first["loss"].to_numpy(), second["loss"].to_numpy())
    apart = np.abs(first["loss"].to_numpy() - published["loss"].to_numpy())
    if (apart > allowed).any():
        step = int(np.flatnonzero(apart > allowed)[0])
        raise UserError(
            f"{release / run.id / 'steps.parquet'}: the loss at step {step} differs by "
            f"{apart[step]:.2g} from the loss here; rounding explains {allowed[step]:.2g}"
        )
    return (
        f"{run.id}: the losses of {len(published)} steps agree within {apart.max():.1g} nats; "
        f"rounding explains up to {allowed[-1]:.1g} on this machine"
    )


def tolerance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """MARGIN · max_{j ≤ i} |a_j − b_j| + FLOOR · |a_i|, for losses a, b [steps] of one run."""
    allowed: np.ndarray = MARGIN * np.maximum.accumulate(np.abs(first - second)) + FLOOR * np.abs(
        first
    )
    return allowed


def _first_steps(run: Run, results: Path, steps: int, threads: int) -> pd.DataFrame:
    moments = tuple(moment for moment in run.moments if moment <= steps)
    shortened = run.model_copy(
        update={"steps": steps, "epochs": None, "tested": False, "moments": moments}
    )
    job.train(shortened, results, threads)
    return read_table(results / run.id / "steps.parquet")


def _here(run: Run) -> dict[str, object]:
    """What must be unchanged for the same bits; read after a run, which sets the threads."""
    device = devices.resolve(run.device)
    return {
        "torch": torch.__version__,
        "device": devices.name(device),
        "precision": devices.chosen(device, run.precision),
    }


def _require_bitwise(folder: Path, published: pd.DataFrame, here: pd.DataFrame) -> None:
    for name in published.columns:
        before, now = published[name].to_numpy(), here[name].to_numpy()
        different = ~((before == now) | (pd.isna(before) & pd.isna(now)))
        if different.any():
            step = int(np.flatnonzero(different)[0])
            raise UserError(
                f"{folder / 'steps.parquet'}: {name} at step {step} is {before[step]!r}, "
                f"but training it again here gives {now[step]!r}"
            )
