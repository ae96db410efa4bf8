"""The report's content as texts, tables and citations; the template only arranges it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from landscape.bench import table as speed_table
from landscape.config.study import Study
from landscape.figures.selection import wanted
from landscape.notation.names import label
from landscape.report import captions, first_page, provenance
from landscape.report.batchnorm import answer, claims, endings, facts, limits, questions, summary
from landscape.report.batchnorm.claims import Tables
from landscape.report.mechanism import chapter as mechanism
from landscape.report.mechanism.answer import explanations_table, mechanism_answer
from landscape.report.network_study import chapter
from landscape.report.network_study.answer import network_answer
from landscape.report.settings import settings
from landscape.storage.files import read_json
from landscape.storage.tables import read_table
from landscape.tables.published import comparable
from landscape.tables.rows import headline_rows

NETWORK_RUNS = {"name", "seed", "validation_accuracy", "test_accuracy", "validation_images"}
SENTENCES = 5  # of the answer on page 1, including explanations and the best network
ACCURACY = answer.ACCURACY
WHY = "Why does batch normalization help optimization?"
WHICH = "Which network is best?"


def content(results: Path, study: Study) -> dict[str, Any]:
    """Everything that the report says; a study that is left out has no entries."""
    dataset = read_json(results / "data/dataset.json")
    parts = [name for name in ACCURACY if getattr(study, name) is not None]
    runs = {name: read_table(results / name / "runs.csv") for name in parts}
    tables = {
        name: headline_rows(read_table(results / name / "summary.csv", {"measure", "seeds"}))
        for name in parts
    }
    said = {
        "title": WHY,
        **_batchnorm(results, study, dataset, tables, runs),
        "figures": {name: vars(captions.filled(name, study)) for name in shown(results, study)},
    }
    if study.mechanism is not None:
        said["mechanism"] = mechanism.content(results, study.mechanism, comparable(dataset))
        said["answer"] += mechanism_answer(results, alone=not parts)
        if not parts:
            said["claims"] = explanations_table(results)
        runs["mechanism"] = read_table(results / "mechanism/runs.csv")
    if study.network is not None:
        networks = read_table(results / "network/runs.csv", NETWORK_RUNS)
        said["title"] = f"{WHY} And {WHICH[0].lower()}{WHICH[1:]}" if runs else WHICH
        said["network"] = chapter.content(results, study, dataset, networks)
        said["answer"] += network_answer(results, dataset)
        runs["network"] = networks
    if _benched(results):
        said["bench"] = speed_table.section(read_json(results / "bench/bench.json"))
    every = list(runs.values())
    return {
        **said,
        "authors": first_page.authors(),
        "date": first_page.date(every),
        "setup": _setup(dataset, study, runs),
        "note": first_page.note(dataset),
        "provenance": provenance.provenance(dataset, runs),
    }


def _batchnorm(
    results: Path,
    study: Study,
    dataset: Mapping[str, Any],
    tables: Tables,
    runs: Mapping[str, pd.DataFrame],
) -> dict[str, Any]:
    """The content on the studies over learning rates and along the gradient."""
    images, classes = int(dataset["test_images"]), len(dataset["class_names"])
    stuck = {
        name: endings.not_learned(table, ACCURACY[name], images, classes)
        for name, table in tables.items()
    }
    judged = claims.judged(tables, images, {name: not names for name, names in stuck.items()})
    bands = read_table(results / "probe/bands.parquet") if study.probe else None
    known = facts.Facts(tables, runs, bands, study, images, classes)
    others, rates = (study.mechanism, study.network), study.bands
    room = SENTENCES - sum(other is not None for other in others)
    return {
        "answer": answer.answer(
            tables, judged, stuck, images, room, len(rates.learning_rates) if rates else 1
        ),
        "claims": first_page.claims_table(judged, images),
        "questions": [vars(paragraph) for paragraph in questions.questions(known)],
        "verdicts": summary.verdicts(tables, images),
        "settings": settings(study),
        "summaries": {name: summary.numbers(table, images) for name, table in tables.items()},
        "runs": {name: provenance.runs_table(table, images) for name, table in runs.items()},
        "limitations": _limitations(dataset, study, tables),
    }


def shown(results: Path, study: Study) -> list[str]:
    """The study's figures, and the benchmark's if there is one."""
    return [*wanted(study), *(["bench"] if _benched(results) else [])]


def _benched(results: Path) -> bool:
    return (results / "bench/bench.json").exists()


def _setup(dataset: Mapping[str, Any], study: Study, runs: Mapping[str, pd.DataFrame]) -> str:
    """One line: data and machine."""
    parts = [part for part in (study.bands, study.probe) if part]
    names = ", ".join(dict.fromkeys(label(name) for part in parts for name in part.architectures))
    count = sum(len(table) for table in runs.values())
    return (
        f"{names or 'Networks'} on {_train_images(dataset, study):,} training images of "
        f"{dataset['name']}; {count:,} runs on {first_page.machines(list(runs.values()))}"
    )


def _train_images(dataset: Mapping[str, Any], study: Study) -> int:
    split = study.split
    if study.network and not (study.bands or study.probe or study.mechanism):
        split = study.network.split
    if split.train_images is not None:
        return split.train_images
    return int(dataset["train_images"]) - split.validation_images


def _limitations(dataset: Mapping[str, Any], study: Study, tables: Tables) -> list[str]:
    bands, probe = study.bands, study.probe
    if not (bands or probe or study.mechanism):
        return []
    scale = limits.Scale(
        train_images=_train_images(dataset, study),
        epochs=bands.epochs if bands else None,
        steps=probe.steps if probe else None,
        bands_width=bands.width if bands else None,
        probe_width=probe.width if probe else None,
    )
    intervals = sum(
        row.ratio_interval is not None
        for table in tables.values()
        for row in summary.shown(table).values()
    )
    return limits.limitations(scale, dataset, study, intervals)
