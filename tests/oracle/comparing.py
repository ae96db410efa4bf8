"""Rows of a table against the oracle's, cell by cell."""

import math
import statistics

import pandas as pd
import torch

from oracle.naive import training


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


def require_initial_weights(walk):
    """To rounding: eigenvectors of the whitening layer turn a little, as eigenvalues are close."""
    saved = walk.snapshot(0)
    assert set(saved) == set(walk.initial)
    for name, value in walk.initial.items():
        largest = max(float(saved[name].abs().max()), 1e-6)
        assert float((value - saved[name]).abs().max()) <= 2e-3 * largest, name


def require_updates(walk, updates):
    """What each step made of the weights saved before it, and of the running statistics."""
    errors = []
    for step, made in enumerate(updates):
        before, after = walk.snapshot(step), walk.snapshot(step + 1)
        length = training.norm(walk.gradients[step])
        moving = [
            name
            for name in walk.parameters
            if training.norm({name: walk.gradients[step][name]}) > 1e-6 * length
        ]  # a bias before BatchNorm has no gradient: Adam would move it by its rounding
        assert moving
        changed = {name: made[name] - before[name].double() for name in moving}
        theirs = {name: after[name].double() - before[name].double() for name in moving}
        errors.append(training.apart(theirs, changed) / training.norm(changed))
        for name in set(made) - set(walk.parameters):
            if made[name].is_floating_point():
                assert torch.allclose(made[name], after[name].double(), 1e-4, 1e-5), name
    assert max(errors) < 6e-2, errors  # a kink at the first step, which Adam remembers
    assert min(errors) < 1e-2 or len(errors) == 1, errors
