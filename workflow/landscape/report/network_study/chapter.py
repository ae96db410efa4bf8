"""The report's second part, the best network, as texts and tables for typst/network.typ."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from landscape.config.entries import is_base
from landscape.config.network_study import JUDGED_BY, NetworkStudy
from landscape.config.study import Study
from landscape.figures.registry import FIGURES
from landscape.figures.selection import wanted
from landscape.notation.numbers import points, points_span
from landscape.notation.units import count, duration
from landscape.report.captions_network_study import FACTOR_TITLES
from landscape.report.network_study import factors, finals, limits, tuning
from landscape.report.network_study.phrases import (
    Images,
    accuracy_text,
    called,
    images_of,
)
from landscape.report.network_study.question import question
from landscape.report.network_study.recipes import changes, recipes
from landscape.report.phrases import capital, listed, several
from landscape.storage.files import read_json
from landscape.storage.tables import read_table
from landscape.tables.published import comparable
from landscape.tables.rows import Outcome, outcomes
from landscape.tables.tuning import chosen_rates

Table = dict[str, Any]  # head and body, texts only
SUMMARY = {"run", "kind", "group", "level", "family", "seeds", "diverged", "parameters"}
EMPTY: Table = {"head": [], "body": []}


def content(
    results: Path, study: Study, dataset: Mapping[str, Any], runs: pd.DataFrame
) -> dict[str, Any]:
    """The content of the second part; `runs` is the table of the study's runs."""
    assert study.network is not None
    network = study.network
    rows = outcomes(read_table(results / "network/summary.csv", SUMMARY))
    comparisons = read_table(
        results / "network/comparisons.csv", {"measure", "first", "second", "ratio"}
    )
    images, configured = images_of(dataset, runs), wanted(study)
    factored = [str(factor) for factor, levels in network.sweeps.items() if levels]
    titles = {factor: FACTOR_TITLES[factor] for factor in factored}
    ablated = any(network.ablations.values())
    return {
        "question": question(network),
        "setup": _setup(network, runs, dataset),
        "recipes": recipes(network),
        "finals": finals.finals_table(rows, images),
        "finals_text": finals.finals_paragraph(rows, images),
        "against": finals.against_table(rows, comparisons, images),
        "published": finals.published_table() if comparable(dataset) else EMPTY,
        "published_text": finals.published_paragraph(rows, dataset, images),
        "factors": factors.factor_table(rows, titles, images) if titles else EMPTY,
        "factors_text": factors.factors_paragraph(rows, titles, images) if titles else "",
        "tuning_text": tuning.how(network),
        "sweeps": [f"sweep_{factor}" for factor in titles],
        "ablations_text": factors.ablations_paragraph(rows, images) if ablated else "",
        "plain_text": finals.plain_paragraph(rows, images),
        "insight": [name for name in configured if FIGURES[name].needs == "insight"],
        "insight_missing": _missing(results) if network.insight else "",
        "limitations": limits.limitations(
            rows, dataset, images, tuning.limits(network, chosen_rates(network, results))
        ),
        "levels": _levels(rows, changes(network), titles, images, network.is_tuned),
    }


def _missing(results: Path) -> str:
    """The runs that have no trained network to inspect."""
    diverged = read_json(results / "network/insight.json")["diverged"]
    return f"Not inspected, because they diverged: {', '.join(diverged)}." if diverged else ""


def _setup(study: NetworkStudy, runs: pd.DataFrame, dataset: Mapping[str, Any]) -> str:
    """One sentence: what was trained on what."""
    images = listed([f"{value:,}" for value in sorted(runs["train_images"].unique())])
    held_out = int(runs["validation_images"].max())
    varied = {entry.name for entry in study.entries() if entry.kind == "sweep"}
    kinds = [
        *([f"{several(len(varied), 'setting')} of the sweeps"] if varied else []),
        *([several(len(study.finals), "final network")] if study.finals else []),
        *(
            [several(sum(map(len, study.ablations.values())), "ablation")]
            if any(study.ablations.values())
            else []
        ),
        *(["a network of plain tensors"] if study.plain else []),
    ]
    return (
        f"{capital(several(len(runs), 'run'))} ({listed(kinds)}) were trained on {images} images "
        f"of {dataset['name']} and judged on {held_out:,} held-out images. Only final networks and "
        "the network of plain tensors were tested, once, at the end."
    )


def _levels(
    rows: list[Outcome],
    changed: Mapping[tuple[str, str], str],
    titles: dict[str, str],
    images: Images,
    tuned: bool,
) -> Table:
    """Every level of the sweeps and every ablation, with its paired difference."""
    head = ["level, and what it changes", "validation (%)", "difference", "parameters"]
    head += ["training", "seeds", *(["rate"] if tuned else [])]
    body: list[list[str]] = []
    group = ""
    for o in rows:
        if o.kind not in ("sweep", "ablation"):
            continue
        if o.group != group:
            group = o.group
            body.append([f"*{factors.group_name(o, titles)}*", *[""] * (len(head) - 1)])
        seconds = duration(o.known("train_seconds")) if o.has("train_seconds") else ""
        lost = f", {o.diverged} diverged" if o.diverged else ""
        change = changed.get((o.group, o.level), "")
        if "," not in change and change.endswith(f" {called(o)}"):
            change = ""  # the level's name already says it
        body.append(
            [
                f"{called(o)}: {change}" if change else called(o),
                accuracy_text(o, JUDGED_BY, images).removesuffix(" %"),
                "base" if is_base(o.run) else _difference(o, images),
                count(o.known("parameters")),
                seconds,
                f"{o.seeds}{lost}",
                *([f"{o.known('learning_rate'):g}"] if tuned else []),
            ]
        )
    return {"head": head, "body": body}


def _difference(o: Outcome, images: Images) -> str:
    """In points: one seed's value, two seeds' values, or the mean of more with its interval."""
    if not o.has("difference"):
        return ""
    if interval := o.interval("difference"):
        mark = factors.SURVIVES if o.values.get("survives") else ""
        value = points(o.known("difference"), images.validation)
        return f"{value} {points_span(interval, images.validation)}{mark}"
    ends = o.extremes("difference")
    if ends is None or ends[0] == ends[1]:
        return points(o.known("difference"), images.validation)
    return " and ".join(points(end, images.validation) for end in ends)
