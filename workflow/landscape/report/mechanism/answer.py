"""Page 1's words on the explanations, and its table in a report that is about nothing else."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from landscape.notation.names import label
from landscape.notation.numbers import number
from landscape.report.mechanism.chapter import relation, short
from landscape.report.phrases import capital, cite, counted, listed, several
from landscape.report.verdicts import CONTRADICTED, FOUND, UNDECIDED, UNKNOWN
from landscape.storage.tables import read_table
from landscape.tables.explanations import BN, PLAIN
from landscape.tables.statistics import ENOUGH, interval

ROWS = 8  # of the table, the decided ones first
MARKS = {
    "supported": FOUND.mark,
    "contradicted": CONTRADICTED.mark,
    "not decided": UNDECIDED.mark,
    "not measured": UNKNOWN.mark,
}


def mechanism_answer(results: Path, alone: bool) -> list[str]:
    """Which of the explanations' predictions hold; before that, `alone`, what they explain."""
    verdicts = read_table(results / "mechanism/verdicts.csv")
    summary = read_table(results / "mechanism/summary.csv")
    return [*(_trains(summary) if alone else []), _held(verdicts), *_open(verdicts)]


def _held(verdicts: pd.DataFrame) -> str:
    said = []
    for word in ("supported", "contradicted"):
        rows = verdicts[verdicts["verdict"] == word]
        which = f" ({listed([short(text) for text in rows['explanation']])})" if len(rows) else ""
        said.append(f"{counted(len(rows))} {'is' if len(rows) == 1 else 'are'} {word}{which}")
    return (
        f"Of the {several(len(verdicts), 'prediction')} that explanations of batch normalization "
        f"make here, {said[0]} and {said[1]}."
    )


def _open(verdicts: pd.DataFrame) -> list[str]:
    """How many are not decided, and how many of these for lack of seeds."""
    rest = verdicts[verdicts["verdict"] == "not decided"]
    if rest.empty:
        return []
    few = int((rest["seeds"] < ENOUGH).sum())
    why = f", {counted(few)} of them for lack of seeds" if few else ""
    are = "is" if len(rest) == 1 else "are"
    return [f"{capital(counted(len(rest)))} {are} not decided{why}."]


def _trains(summary: pd.DataFrame) -> list[str]:
    """Whose loss is lower at the end, where both end: the geometric mean of the seeds' ratios."""
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
        f"{label(BN)} ends at {number(float(np.exp(logs.mean())))} times the loss of {label(PLAIN)}"
    )
    return [f"{text}." if firm else f"{text}, which so few seeds do not make certain."]


def explanations_table(results: Path) -> dict[str, Any]:
    """Explanation, what it predicts, the ratio measured, the verdict, and where to read on."""
    verdicts = read_table(results / "mechanism/verdicts.csv")
    ranked = pd.concat([verdicts[verdicts["verdict"] == word] for word in MARKS])
    body = [
        [
            capital(short(row["explanation"])),
            relation(row),
            "" if pd.isna(row["ratio"]) else number(row["ratio"]),
            f"{MARKS[row['verdict']]} {row['verdict']}",
            cite("table", "explanations"),
        ]
        for row in ranked.head(ROWS).to_dict("records")
    ]
    head = ["explanation", "prediction", "ratio", "verdict", "read on"]
    return {"head": head, "body": body, "right": [2]}
