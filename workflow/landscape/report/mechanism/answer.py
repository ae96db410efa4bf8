"""Page 1's sentences on the explanations, and its table if the report has no other study."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from landscape.notation.names import label
from landscape.notation.numbers import number
from landscape.report.mechanism.chapter import order, relation, short
from landscape.report.phrases import capital, cite, counted, listed, several
from landscape.report.verdicts import CONTRADICTED, FOUND, UNDECIDED, UNKNOWN
from landscape.storage.tables import read_table
from landscape.tables.explanations import BN, PLAIN
from landscape.tables.statistics import ENOUGH, interval

ROWS = 8  # of the table, decided verdicts first
MARKS = {
    "supported": FOUND.mark,
    "contradicted": CONTRADICTED.mark,
    "not decided": UNDECIDED.mark,
    "not measured": UNKNOWN.mark,
}


def mechanism_answer(results: Path, alone: bool) -> list[str]:
    """Which of the explanations' predictions hold; if `alone`, first the effect they explain."""
    verdicts = read_table(results / "mechanism/verdicts.csv")
    summary = read_table(results / "mechanism/summary.csv")
    return [*(_trains(summary) if alone else []), _held(verdicts), *_open(verdicts)]


def _held(verdicts: pd.DataFrame) -> str:
    said = []
    for word in ("supported", "contradicted"):
        rows = verdicts[verdicts["verdict"] == word]
        which = f" ({listed([short(text) for text in rows['explanation']])})" if len(rows) else ""
        many = counted(len(rows)) if len(rows) else "none"
        said.append(f"{many} {'are' if len(rows) > 1 else 'is'} {word}{which}")
    return (
        f"Explanations of batch normalization make {several(len(verdicts), 'prediction')} here: "
        f"{said[0]} and {said[1]}."
    )


def _open(verdicts: pd.DataFrame) -> list[str]:
    """How many predictions are not decided, how many of these have too few seeds, and how many are
    not measured.
    """
    rest = verdicts[verdicts["verdict"] == "not decided"]
    if rest.empty:
        return []
    few = int((rest["seeds"] < ENOUGH).sum())
    some = "" if few == len(rest) else f"{counted(few)} of them "
    why = f", {some}because of too few seeds" if few else ""
    are = "is" if len(rest) == 1 else "are"
    absent = int((verdicts["verdict"] == "not measured").sum())
    others = f"; {counted(absent)} {'is' if absent == 1 else 'are'} not measured" if absent else ""
    return [f"{capital(counted(len(rest)))} {are} not decided{why}{others}."]


def _trains(summary: pd.DataFrame) -> list[str]:
    """Whose final loss is lower: the geometric mean of the ratios of seeds that both complete."""
    losses = summary[summary["quantity"] == "final_loss"].dropna(subset="value")
    by_seed = losses.pivot_table(index="seed", columns="arch", values="value")
    if not {BN, PLAIN} <= set(by_seed):
        return []
    logs = (by_seed[BN] / by_seed[PLAIN]).dropna().map(np.log)
    if logs.empty:
        return []
    low, high = interval(logs)
    firm = low is not None and high is not None and not low <= 0 <= high
    text = (
        f"The final loss of {label(BN)} is {number(float(np.exp(logs.mean())))} times that of "
        f"{label(PLAIN)}"
    )
    return [f"{text}." if firm else f"{text}; whether they differ is not decided."]


def explanations_table(results: Path) -> dict[str, Any]:
    """Explanation, prediction, measured ratio, verdict, and the table with details."""
    verdicts = read_table(results / "mechanism/verdicts.csv")
    ranked = pd.concat([verdicts[verdicts["verdict"] == word] for word in MARKS])
    body = [
        [
            capital(short(row["explanation"])),
            relation(row),
            order(row).partition("\n")[0] if pd.isna(row["ratio"]) else number(row["ratio"]),
            f"{MARKS[row['verdict']]} {row['verdict']}",
            cite("table", "explanations"),
        ]
        for row in ranked.head(ROWS).to_dict("records")
    ]
    head = ["explanation", "prediction", "ratio", "verdict", "details"]
    return {"head": head, "body": body, "right": [2]}
