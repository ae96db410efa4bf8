"""Checks of a release: its files, its records, its tables, and its first training steps."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from landscape.config.network_study import NetworkStudy
from landscape.errors import UserError
from landscape.release.contents import require_checksums
from landscape.release.pack import settings_in
from landscape.storage.files import read_json, require_recorded
from landscape.storage.tables import read_table
from landscape.tables.bands_and_probe import aggregate_bands, aggregate_probe
from landscape.tables.mechanism import aggregate_mechanism
from landscape.tables.network_study import aggregate_network
from landscape.tables.tuning import runs_in, tabulate_tuning


def _tabulate_network(study: NetworkStudy, results: Path) -> list[Path]:
    tuning = [tabulate_tuning(study, results)] if study.is_tuned else []
    return [*tuning, *aggregate_network(study, results)]


AGGREGATES: dict[str, Callable[[Any, Path], list[Path]]] = {
    "bands": aggregate_bands,
    "probe": aggregate_probe,
    "mechanism": aggregate_mechanism,
    "network": _tabulate_network,
}


def verify_files(release: Path) -> str:
    """Check that every published file has its published checksum."""
    return f"{len(require_checksums(release))} files have their checksums"


def verify_records(release: Path) -> str:
    """Check that every run has the published settings, and the files that it wrote."""
    runs = runs_in(release, settings_in(release))
    images = read_json(release / "data/dataset.json")["sha256"]
    for run in runs:
        path = release / run.id / "run.json"
        record = read_json(path)
        if record.get("run") != run.model_dump(mode="json"):
            raise UserError(f"{path}: its settings are not those of study.json")
        if record.get("data") != images:
            raise UserError(f"{path}: trained on other images than data/dataset.json describes")
        for name in record["files"]:
            if (release / run.id / name).exists():
                require_recorded(release / run.id / name, record)
    return f"{len(runs)} runs have the published settings and images"


def verify_tables(release: Path) -> str:
    """Check that the tables, recomputed from the runs, are the published ones."""
    study, compared = settings_in(release), 0
    with tempfile.TemporaryDirectory() as scratch:
        again = Path(scratch)
        for section, aggregate in AGGREGATES.items():
            settings = getattr(study, section)
            if settings is None:
                continue
            for run in runs_in(release, study):
                if run.study == section:
                    shutil.copytree(release / run.id, again / run.id)
            for path in aggregate(settings, again):
                compared += 1
                _require_equal(release / path.relative_to(again), path)
    return f"{compared} tables follow from the runs"


def _require_equal(published: Path, computed: Path) -> None:
    before, now = (_sorted(read_table(path)) for path in (published, computed))
    if list(before.columns) != list(now.columns) or len(before) != len(now):
        raise UserError(f"{published}: has other rows or columns than those from its runs")
    for name in before.columns:
        if not _same(before[name], now[name]):
            row = int(np.flatnonzero(~_equal(before[name], now[name]))[0])
            raise UserError(
                f"{published}: {name} is {before[name].iloc[row]} in the row of "
                f"{_named(before, row)}, but its runs give {now[name].iloc[row]}"
            )


def _named(table: pd.DataFrame, row: int) -> str:
    texts = [str(value) for value in table.iloc[row] if isinstance(value, str)]
    return " ".join(texts[:2]) or f"number {row + 1}"


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    """Sorted by the columns that name a row, because the order of rows means nothing."""
    names = [name for name in table.columns if not pd.api.types.is_float_dtype(table[name])]
    return table.sort_values(names, kind="stable", ignore_index=True) if names else table


def _same(before: pd.Series, now: pd.Series) -> bool:
    return bool(_equal(before, now).all())


def _equal(before: pd.Series, now: pd.Series) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(before) and pd.api.types.is_numeric_dtype(now):
        return np.isclose(before, now, rtol=1e-12, atol=0, equal_nan=True)
    return ((before == now) | (before.isna() & now.isna())).to_numpy()
