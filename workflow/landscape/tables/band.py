"""A band: the smallest and the largest value of a measure at each step."""

from collections.abc import Iterable

import pandas as pd


def band(table: pd.DataFrame, measures: Iterable[str]) -> pd.DataFrame:
    """Minimum and maximum over all rows of one (arch, seed, step), raw, for each measure.

    In `bands`, the rows of a step are the learning rates of one seed (never several seeds, so that
    only the learning rate varies within a band); in `probe` they are the step sizes. `runs` counts
    the values of a band: fewer after a run has diverged. A step at which a measure has no value
    (a distance at step 0) has no row. Returns `arch, seed, measure, step, minimum,
    maximum, runs`.
    """
    keys = ["arch", "seed", "step"]
    pieces = []
    for measure in measures:
        grouped = table.groupby(keys, sort=False)[measure]
        piece = grouped.agg(minimum="min", maximum="max", runs="count").reset_index()
        piece.insert(2, "measure", measure)
        pieces.append(piece[piece["runs"] > 0])
    return pd.concat(pieces, ignore_index=True)
