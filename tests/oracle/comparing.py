"""Rows of a table against the oracle's, cell by cell."""

import math
import statistics

import pandas as pd


def missing(value):
    return value is None or (isinstance(value, float) and math.isnan(value))


def off(ours, theirs):
    """How far `ours` is from `theirs`, relative to it; infinite where one of them is missing."""
    if missing(ours) or missing(theirs):
        return 0.0 if missing(ours) and missing(theirs) else math.inf
    if isinstance(theirs, str) or isinstance(ours, str):
        return 0.0 if ours == theirs else math.inf
    return abs(ours - theirs) / max(abs(theirs), 1e-9) if ours != theirs else 0.0


def require_equal(table: pd.DataFrame, rows, keys, tolerance=1e-6):
    """Every cell of the table equals the oracle's in the row of the same keys, and none is left.

    The tables of steps are in float32, and so are some means of them: hence the tolerance.
    """
    found = {tuple(row[key] for key in keys): row for row in table.to_dict("records")}
    expected = {tuple(row[key] for key in keys): row for row in rows}
    assert len(found) == len(table), "two rows of one key"
    assert list(found) == list(expected), [*zip(found, expected, strict=False)]
    for key, row in expected.items():
        assert set(found[key]) == set(row), set(found[key]) ^ set(row)
        for name, value in row.items():
            assert off(found[key][name], value) <= tolerance, (key, name, found[key][name], value)


def require_close(pairs, name, typical, worst, floor=0.0):
    """Of (theirs, oracle's) the median error is at most `typical`, and none is above `worst`.

    A kink of a ReLU or of a pooling that float32 puts on its other side moves a few values by per
    cents; the median does not know of it. `floor` is an absolute difference that never counts.
    """
    errors = []
    for theirs, ours in pairs:
        gone = missing(theirs) or missing(ours)
        small = not gone and abs(theirs - ours) <= floor
        errors.append(0.0 if small else off(theirs, ours))
    found = f"{name}: median {statistics.median(errors)}, worst {max(errors)}"
    assert statistics.median(errors) <= typical, found
    assert max(errors) <= worst, found
