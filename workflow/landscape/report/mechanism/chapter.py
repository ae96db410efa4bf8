"""The chapter “What explains it?”: the verdicts as a table, and sentences chosen by the numbers."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from landscape.config.mechanism import Mechanism
from landscape.notation.names import label, ordered
from landscape.notation.numbers import number, span
from landscape.report.mechanism.edge import LARGEST, edge, literature, stability
from landscape.report.phrases import capital, counted, listed, several
from landscape.storage.tables import read_table
from landscape.tables.explanations import BN, PLAIN
from landscape.tables.statistics import interval

QUANTITIES = {
    "shift_turn": "1 − cosine of G and G′",
    "batch_sharpness": "mean κ of mini-batches",
    "lambda_1": "λ₁",
    "final_loss": "final loss",
    "final_loss_low": "final loss, smallest rate",
    "noise_scale": "gradient noise, tr Σ/‖∇L‖²",
    "largest_rate": LARGEST,
}

EMPTY: dict[str, Any] = {"head": [], "body": []}


def content(results: Path, study: Mechanism, published: bool = True) -> dict[str, Any]:
    """The chapter as texts and tables; `published`: whether the literature's values compare."""
    folder = results / "mechanism"
    verdicts, summary = (read_table(folder / f"{name}.csv") for name in ("verdicts", "summary"))
    runs, looked = read_table(folder / "runs.csv"), read_table(folder / "mechanism.parquet")
    return {
        "setup": _setup(study),
        "summary": [*_summary(verdicts), *rates(summary, study.learning_rate)],
        "verdicts": _table(verdicts),
        "networks": networks(summary),
        "edge": edge(looked),
        "stability": stability(looked, study.learning_rate),
        "literature": literature(looked, summary, study.learning_rate) if published else EMPTY,
        "limits": [*start(looked, study.learning_rate), *_limits(study, runs)],
    }


def _setup(study: Mechanism) -> str:
    slower, also = study.slower, ""
    if slower.networks:
        also = f"; {counted(len(slower.networks))} of them also at {slower.learning_rate:g}"
    networks = capital(several(len(study.networks), "VGG network"))
    return (
        f"{networks} of width factor {study.width:g} are trained with plain SGD at learning rate "
        f"{study.learning_rate:g} for {study.steps:,} steps, from the same weights and on the same "
        f"mini-batches{also}. Their weights are kept at the moments, steps "
        f"{', '.join(f'{step:,}' for step in study.moments)}, and inspected afterwards. Hessians "
        f"are computed on the curvature batch, {study.curvature_images:,} fixed training images, "
        "in training mode with that batch's statistics. With ReLU and max pooling, a Hessian "
        "describes the linear piece that contains the weights; it does not include what changes "
        "when a kink is crossed."
    )


def _summary(verdicts: pd.DataFrame) -> list[str]:
    said = []
    for verdict in ("supported", "contradicted", "not decided", "not measured"):
        rows = verdicts[verdicts["verdict"] == verdict]
        if len(rows):
            listed = "; ".join(short(text) for text in rows["explanation"])
            said.append(f"{verdict.capitalize()} ({len(rows)} of {len(verdicts)}): {listed}.")
    for row in verdicts[verdicts["equal_loss_verdict"] != "not measured"].to_dict("records"):
        if row["equal_loss_verdict"] != row["verdict"]:
            said.append(
                f"{short(row['explanation']).capitalize()}: {row['verdict']} at equal steps, "
                f"{row['equal_loss_verdict']} at equal loss."
            )
    return said


def rates(summary: pd.DataFrame, rate: float) -> list[str]:
    """Which networks the learning rate of all runs suits best, by their short runs."""
    best = summary[(summary["quantity"] == "best_rate")].groupby("arch")["value"].unique()
    names = [name for name in ordered(set(best.index)) if name != BN]
    if BN not in best.index or not names:
        return []
    told = [f"at {_listed(best[name])} with {label(name)}" for name in (BN, *names)]
    said = f"All train at learning rate {rate:g}. The short runs end lowest {'; '.join(told)}."
    if list(best[BN]) != [rate]:
        return [f"{said} Verdicts on final losses hold at {rate:g} alone."]
    return [
        f"{said} So {rate:g} is BatchNorm's best rate: there, verdicts on final losses compare "
        "each network at BatchNorm's best rate and not at its own."
    ]


def _listed(values: Iterable[float]) -> str:
    return listed([f"{value:g}" for value in sorted(values)])


def short(explanation: str) -> str:
    """The name of an explanation, without what follows from it."""
    head = explanation.partition(":")[0]
    return head[:1].lower() + head[1:]


def relation(row: Mapping[Any, Any]) -> str:
    """The inequality that an explanation predicts."""
    quantity = QUANTITIES[row["quantity"]]
    return f"{quantity}: {label(row['first'])} {row['relation']} {label(row['second'])}"


def _table(verdicts: pd.DataFrame) -> dict[str, Any]:
    body = [
        [
            f"{row['explanation']} ({row['source']})",
            relation(row),
            "\n".join(_value(row, which) for which in ("first", "second")).strip(),
            _ratio(row, ""),
            row["verdict"],
            _ratio(row, "equal_loss_"),
        ]
        for row in verdicts.to_dict("records")
    ]
    head = ["explanation", "prediction", "values", "ratio", "verdict", "ratio at equal loss"]
    return {"head": head, "body": body}


def networks(summary: pd.DataFrame) -> dict[str, Any]:
    """The numbers of each network: the geometric mean over seeds, with its interval."""
    shown = [name for name in QUANTITIES if name in set(summary["quantity"])]
    cells = {
        (str(arch), str(quantity)): _over_seeds(rows["value"], int(rows["diverged"].sum()))
        for (arch, quantity), rows in summary.groupby(["arch", "quantity"])
    }
    body = [
        [label(arch), *(cells.get((arch, quantity), "") for quantity in shown)]
        for arch in ordered(set(summary["arch"]))
    ]
    return {"head": ["network", *(QUANTITIES[name] for name in shown)], "body": body}


def _over_seeds(values: pd.Series, lost: int) -> str:
    logs = np.log(values[values > 0])
    if logs.empty:
        return "diverges" if lost else ""
    low, high = interval(logs)
    said = [number(float(np.exp(logs.mean())))]
    if low is not None and high is not None and low < high:
        said.append(span((float(np.exp(low)), float(np.exp(high)))))
    return "\n".join([*said, *([f"{lost} of {len(values)} diverge"] if lost else [])])


def _value(row: Mapping[Any, Any], which: str) -> str:
    value, lost = row[f"value_{which}"], row[f"diverged_{which}"]
    if pd.isna(value):
        return "diverges" if lost else ""
    return f"{number(value)} ({lost} diverge)" if lost else number(value)


def _ratio(row: dict[Any, Any], prefix: str) -> str:
    ratio, low, high = (row[f"{prefix}ratio{end}"] for end in ("", "_low", "_high"))
    if pd.isna(ratio):
        return order(row, prefix)
    if pd.isna(low):
        return f"{number(ratio)}\n{several(int(row[f'{prefix}seeds']), 'seed')}"
    return f"{number(ratio)}\n{span((low, high))}"


def order(row: Mapping[Any, Any], prefix: str = "") -> str:
    """What decides where no ratio is defined, because runs diverge; else nothing."""
    verdict, seeds = row[f"{prefix}verdict"], int(row[f"{prefix}seeds"])
    if verdict not in ("supported", "contradicted"):
        return ""
    lower = (verdict == "supported") == (row["relation"] == "<")
    return f"{'lower' if lower else 'higher'}\n{seeds} of {seeds} seeds"


def start(looked: pd.DataFrame, rate: float) -> list[str]:
    """The curvature of the two networks before any training."""
    rows = looked[(looked["quantity"] == "lambda_1") & (looked["learning_rate"] == rate)]
    logs = np.log(rows[(rows["step"] == 0) & (rows["value"] > 0)].set_index("arch")["value"])
    if not {PLAIN, BN} <= set(logs.index):
        return []
    plain, normalized = (float(np.exp(logs[[arch]].mean())) for arch in (PLAIN, BN))
    word = "more" if normalized > plain else "less"
    return [
        f"Before any training, λ₁ is {number(normalized)} for {label(BN)} and {number(plain)} for "
        f"{label(PLAIN)}: with BatchNorm the loss is {word} curved at the start."
    ]


def _limits(study: Mechanism, runs: pd.DataFrame) -> list[str]:
    fewest = min(len(seeds) for seeds in study.networks.values())
    said = [
        "Verdicts compare networks at equal steps, where their losses differ. At equal loss, they "
        "have trained for different numbers of steps, and values are interpolated between moments. "
        "A network that stays on its plateau reaches none of the losses and is not compared.",
        "With ReLU, kinks and not curvature dominate the change of a gradient over small steps. A "
        "float32 and a float64 run of BatchNorm at learning rate 0.1 differ within a few steps, so "
        "single trajectories are not reproducible across precisions.",
        "PyHessian (Yao et al. 2020, arXiv:1912.07145) finds that BatchNorm does not always smooth "
        "the loss of shallow networks. Santurkar et al. (2018) show figures along the gradient at "
        "other settings, and no eigenvalues: no value of theirs stands beside these.",
    ]
    if fewest < 3:
        said.insert(0, "Verdicts on networks with fewer than three seeds are not decided.")
    lost = runs[(runs["status"] == "diverged") & ~runs["name"].str.startswith("range/")]
    for arch, count in lost["arch"].value_counts(sort=False).items():
        said.append(
            f"{label(str(arch))}: {several(int(count), 'run')} diverged. Verdicts rank the final "
            "loss of such a run above any other. No ratio is then defined, and a verdict needs the "
            "same order with every seed."
        )
    return said
