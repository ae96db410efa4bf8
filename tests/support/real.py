"""Real images, where they are at hand."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from landscape.config.study import Source
from landscape.data.sources.registry import prepare
from support.artefacts import ROOT

AT_HAND = [os.environ.get("LANDSCAPE_CIFAR10"), ROOT.parent / "shared/data/cifar10-99.85-official"]
REAL = next((Path(path) for path in AT_HAND if path and Path(path).is_dir()), None)
FEW = {"train": 4000, "test": 100}


def slice_of(folder: Path, counts: dict[str, int], target: Path) -> dict[str, pa.Table]:
    """Write the first rows of each part to a parquet copy of their own."""
    target.mkdir(exist_ok=True)
    rows = {}
    for part, count in counts.items():
        with pq.ParquetFile(next(folder.glob(f"{part}-*.parquet"))) as file:
            rows[part] = pa.Table.from_batches([next(file.iter_batches(count))])
        pq.write_table(rows[part], target / f"{part}.parquet")
    return rows


@pytest.fixture(scope="session")
def real_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder that holds 4,000 real training images, and nothing else."""
    if REAL is None:
        pytest.skip("no CIFAR-10 at hand")
    folder = tmp_path_factory.mktemp("real")
    slice_of(REAL, FEW, folder / "slice")
    prepare(Source(path=str(folder / "slice")), folder / "data")
    return folder
