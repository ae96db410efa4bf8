"""The step from which one band stays narrower than another."""

import pandas as pd


def narrower_from(bands: pd.DataFrame, measure: str, first: str, second: str) -> int | None:
    """The first step from which the second network's band stays narrower to the end.

    This holds for every seed that both networks have, at the steps that have every value. None if
    some seed's band is not narrower at the end, or if no step can be compared.
    """
    rows = bands[bands["measure"] == measure]
    rows = rows[rows["runs"] == rows["runs"].max()]
    width = (rows["maximum"] - rows["minimum"]).to_frame("width")
    both = width.join(rows[["arch", "seed", "step"]]).pivot_table(
        index=["seed", "step"], columns="arch", values="width"
    )
    if not {first, second} <= set(both.columns):
        return None
    both = both[[first, second]].dropna()
    found: list[int] = []
    for _, part in both.groupby(level="seed"):
        steps = part.index.get_level_values("step")
        wider = (part[second] >= part[first]).to_numpy()
        after = int(wider.nonzero()[0].max()) + 1 if wider.any() else 0
        if after == len(part):
            return None
        found.append(int(steps[after]))
    return max(found, default=None)
