"""Curvature relative to 2/lr at the end: what it tells of the networks, and what is published."""

from typing import Any

import pandas as pd

from landscape.notation.names import label
from landscape.notation.numbers import number
from landscape.tables.explanations import BN, PLAIN
from landscape.tables.literature import LITERATURE

EDGE = {"lambda_1": "λ₁ ÷ (2/lr)", "batch_sharpness": "κ ÷ (2/lr)"}  # at the last moment
AT_THE_EDGE = 0.8  # times 2/lr: λ₁ from here on has come to the edge of stability
LARGEST = "largest rate that trains"


def edge(looked: pd.DataFrame) -> dict[str, Any]:
    """λ₁ and the mini-batches' κ at the last moment, relative to 2/lr: 1 is the edge of stability.

    Means over seeds; of a quantity that was not taken, nothing.
    """
    body = [
        [
            label(arch),
            f"{rate:g}",
            f"{ended['step']:,}",
            *(number(ended[name]) for name in (*EDGE, "loss")),
        ]
        for (arch, rate), ended in _ends(looked).items()
    ]
    head = ["network", "learning rate", "step", *EDGE.values(), "loss (nats)"]
    return {"head": head, "body": body}


def _ends(looked: pd.DataFrame) -> dict[tuple[str, float], dict[str, Any]]:
    """By network and learning rate, at the last moment: the step, `EDGE`'s quantities relative to
    2/lr and the loss, means over seeds.
    """
    found: dict[tuple[str, float], dict[str, Any]] = {}
    whole = looked[looked["layer"].fillna("") == ""]
    run: Any
    for run, rows in whole.groupby(["arch", "learning_rate"], sort=False):
        last = rows[rows["step"] == rows["step"].max()]
        means = last.groupby("quantity")["value"].mean() * run[1] / 2
        if set(EDGE) <= set(means.index):
            moment = {"step": last["step"].iloc[0], "loss": last["loss"].mean()}
            found[run] = {**moment, **{name: means[name] for name in EDGE}}
    return found


def stability(looked: pd.DataFrame, rate: float) -> list[str]:
    """What λ₁ at the end can tell of the two networks, where both are at the edge of stability."""
    ends = _ends(looked)
    shares = {
        at: [ends[name, at]["lambda_1"] for name in (PLAIN, BN)]
        for at in sorted({at for _, at in ends}, reverse=True)
        if {(PLAIN, at), (BN, at)} <= set(ends)
    }
    reached = {at: both for at, both in shares.items() if min(both) >= AT_THE_EDGE}
    if rate not in reached:
        return []
    told = [
        f"{number(plain)} for {label(PLAIN)} and {number(normalized)} for {label(BN)} at learning "
        f"rate {at:g}"
        for at, (plain, normalized) in reached.items()
    ]
    return [
        f"In units of 2/lr, λ₁ ends at {'; at '.join(told)}. Both networks are at the edge of "
        "stability or above it (Cohen et al. 2021), where the step size sets λ₁. To compare λ₁ at "
        "the end, at one learning rate, therefore cannot show whose loss is smoother. What can are "
        "the start, the way to the edge, and the range of learning rates that train."
    ]


def literature(looked: pd.DataFrame, summary: pd.DataFrame, rate: float) -> dict[str, Any]:
    """Published values beside those of the two networks at this rate, and what they are of."""
    ends, largest = _ends(looked), summary.dropna(subset="value")
    body = []
    for one in LITERATURE:
        if one.quantity in EDGE:
            what = f"{EDGE[one.quantity]} at the end"
            here = [ends.get((name, rate), {}).get(one.quantity) for name in (PLAIN, BN)]
        else:
            what = LARGEST
            rows = largest[largest["quantity"] == one.quantity]
            here = [rows[rows["arch"] == name]["value"].max() for name in (PLAIN, BN)]
        values = ["" if pd.isna(value) else number(value) for value in here]
        body.append([what, one.value, f"{one.setting} ({one.source})", *values])
    return {"head": ["quantity", "published", "of", label(PLAIN), label(BN)], "body": body}
