"""Verdicts on the explanations: at equal steps, and at equal loss."""

from typing import Any

import numpy as np
import pandas as pd

from landscape.tables.explanations import EXPLANATIONS, Explanation
from landscape.tables.statistics import ENOUGH, interval


def verdicts(numbers: pd.DataFrame, equal: pd.DataFrame) -> pd.DataFrame:
    """A row for each explanation: both values, their ratio seed by seed, and the verdict.

    `numbers`: `quantity, arch, seed, value`, of late steps. `equal`: the path quantities at equal
    losses, with `loss`; the ratio of a seed is the geometric mean over the losses that both
    networks reach. Means are geometric and over the seeds that did not diverge. `supported` and
    `contradicted` need at least three seeds and a 95 % t-interval of the ratio on one side of 1.
    If a run diverged, its final loss is ∞ and no ratio is defined: then one network must be ahead
    with every seed, of at least three. Otherwise the verdict is `not decided`, or `not measured` if
    a network is missing.
    """
    return pd.DataFrame([_verdict(explanation, numbers, equal) for explanation in EXPLANATIONS])


def _verdict(
    explanation: Explanation, numbers: pd.DataFrame, equal: pd.DataFrame
) -> dict[str, Any]:
    first, second = _logs(numbers, explanation, ["seed"])
    there, opposite = _logs(equal, explanation, ["seed", "loss"])
    by_loss = (there - opposite).dropna().groupby("seed").mean()
    by_step = (first - second).dropna()
    return {
        "key": explanation.key,
        "explanation": explanation.says,
        "quantity": explanation.quantity,
        "first": explanation.first,
        "relation": explanation.relation,
        "second": explanation.second,
        "value_first": _geometric_mean(first[np.isfinite(first)]),
        "value_second": _geometric_mean(second[np.isfinite(second)]),
        "diverged_first": int(np.isinf(first).sum()),
        "diverged_second": int(np.isinf(second).sum()),
        **_ratio(by_step, explanation.relation),
        **{f"equal_loss_{k}": v for k, v in _ratio(by_loss, explanation.relation).items()},
        "source": explanation.source,
    }


def _logs(
    rows: pd.DataFrame, explanation: Explanation, index: list[str]
) -> tuple[pd.Series, pd.Series]:
    """Logarithms of the quantity of both networks, if it is positive, by `index`."""
    rows = rows[(rows["quantity"] == explanation.quantity) & (rows["value"] > 0)]
    logs = rows.assign(log=np.log(rows["value"].astype(float))).set_index(index)
    first, second = (
        logs[logs["arch"] == arch]["log"] for arch in (explanation.first, explanation.second)
    )
    return first, second


def _ratio(logs: pd.Series, relation: str) -> dict[str, Any]:
    """The verdict on one log ratio per seed, ±∞ if one of the networks diverged."""
    found = dict.fromkeys(("ratio", "ratio_low", "ratio_high"))
    low = high = None
    if np.isfinite(logs).all():
        low, high = interval(logs)
        ends = (None if end is None else float(np.exp(end)) for end in (low, high))
        found = dict(zip(found, (_geometric_mean(logs), *ends), strict=True))
    elif len(logs) >= ENOUGH:
        low, high = logs.min(), logs.max()
    if logs.empty:
        verdict = "not measured"
    elif low is None or high is None or low <= 0 <= high:
        verdict = "not decided"
    else:
        verdict = "supported" if (high < 0) == (relation == "<") else "contradicted"
    return {**found, "seeds": len(logs), "verdict": verdict}


def _geometric_mean(logs: pd.Series) -> float | None:
    return float(np.exp(logs.mean())) if len(logs) else None
