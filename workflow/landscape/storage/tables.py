"""Tables as parquet and CSV files, checked as they are read."""

import csv
import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from landscape.errors import UserError
from landscape.storage import schemas
from landscape.storage.files import write_bytes


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as `.parquet` or `.csv`, by the ending; what is missing is an empty cell."""
    buffer = io.BytesIO()
    if path.suffix == ".parquet":
        table.to_parquet(buffer, index=False, write_page_checksum=True)
    elif path.suffix == ".csv":
        table.to_csv(buffer, index=False, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
    else:
        raise ValueError(f"{path}: a table ends in .parquet or .csv")
    write_bytes(path, buffer.getvalue())


def write_tables(folder: Path, tables: dict[str, pd.DataFrame]) -> list[Path]:
    """Write tables by their file names; returns their paths."""
    for name, table in tables.items():
        write_table(folder / name, table)
    return [folder / name for name in tables]


def read_table(path: Path, columns: set[str] | None = None) -> pd.DataFrame:
    """Read a table and check it: its `columns`, by default those that its name stands for, that
    numbers are numbers, and that none is infinite. Nulls are for what was never measured.
    """
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".parquet": partial(pd.read_parquet, page_checksum_verification=True),
        ".csv": pd.read_csv,
    }
    try:
        table = readers[path.suffix](path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except Exception as error:  # each reader has exceptions of its own
        raise UserError(f"{path}: not readable as a table ({error})") from None
    known = schemas.COLUMNS.get("/".join(path.parts[-2:]), set())
    missing = sorted((columns or known) - set(table.columns))
    if missing:
        raise UserError(f"{path}: lacks the columns {missing}; it has {sorted(table.columns)}")
    for name in sorted(known - schemas.TEXT):
        if not pd.api.types.is_numeric_dtype(table[name]) and table[name].notna().any():
            raise UserError(f"{path}: {name} must be numbers, but holds other things")
    require_finite(table, path)
    return table


def require_finite(table: pd.DataFrame, path: Path) -> None:
    """An infinity is never a measurement."""
    numbers = table.select_dtypes("number")
    infinite = numbers.columns[np.isinf(numbers.to_numpy(dtype=float)).any(axis=0)]
    if len(infinite):
        raise UserError(f"{path}: {list(infinite)} are not finite")
