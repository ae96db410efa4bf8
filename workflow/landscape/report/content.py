"""All that the report says, as texts, tables and citations; the template only arranges it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from landscape.bench import table as speed_table
from landscape.config.study import Study
from landscape.figures.selection import wanted
from landscape.notation.names import label
from landscape.report import captions, first_page, provenance
from landscape.report.batchnorm import answer, claims, endings, limits, questions, summary
from landscape.report.mechanism import chapter as mechanism
from landscape.report.network_study import chapter
from landscape.report.network_study.answer import network_answer
from landscape.report.settings import settings
from landscape.storage.files import read_json
from landscape.storage.tables import read_table
from landscape.tables.rows import headline_rows

NETWORK_RUNS = {"name", "seed", "validation_accuracy", "test_accuracy", "validation_images"}
SENTENCES = 5  # of the answer on page 1, that about the best network among them
ACCURACY = {"bands": "test_accuracy_best", "probe": "test_accuracy"}


def content(results: Path, study: Study) -> dict[str, Any]:
    dataset = read_json(results / "data/dataset.json")
    runs = {name: read_table(results / name / "runs.csv") for name in ACCURACY}
    tables = {
        name: headline_rows(read_table(results / name / "summary.csv", {"measure", "seeds"}))
        for name in ACCURACY
    }
    images, classes = int(dataset["test_images"]), len(dataset["class_names"])
    stuck = {
        name: endings.not_learned(tables[name], measure, images, classes)
        for name, measure in ACCURACY.items()
    }
    judged = claims.judged(tables, images, {name: not names for name, names in stuck.items()})
    facts = questions.Facts(
        tables, runs, read_table(results / "probe/bands.parquet"), study, images, classes
    )
    said: dict[str, Any] = {
        "title": "Why does batch normalization help optimization?",
        "answer": answer.answer(
            tables["bands"], judged, stuck, images, SENTENCES - (study.network is not None)
        ),
        "claims": first_page.claims_table(judged, images),
        "questions": [vars(paragraph) for paragraph in questions.questions(facts)],
        "verdicts": summary.verdicts(tables, images),
        "settings": settings(study),
        "figures": {name: vars(captions.filled(name, study)) for name in shown(results, study)},
        "summaries": {name: summary.numbers(table, images) for name, table in tables.items()},
        "runs": {name: provenance.runs_table(table, images) for name, table in runs.items()},
        "limitations": _limitations(dataset, study, tables),
    }
    if study.mechanism is not None:
        said["mechanism"] = mechanism.content(results, study.mechanism)
        runs["mechanism"] = read_table(results / "mechanism/runs.csv")
    if study.network is not None:
        networks = read_table(results / "network/runs.csv", NETWORK_RUNS)
        said["title"] = f"{said['title']} And which network is best?"
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


def shown(results: Path, study: Study) -> list[str]:
    """The study's figures, and the benchmark's where there has been one."""
    return [*wanted(study), *(["bench"] if _benched(results) else [])]


def _benched(results: Path) -> bool:
    return (results / "bench/bench.json").exists()


def _setup(dataset: Mapping[str, Any], study: Study, runs: Mapping[str, pd.DataFrame]) -> str:
    """One line: data and machine."""
    names = ", ".join(label(name) for name in study.bands.architectures)
    count = sum(len(table) for table in runs.values())
    return (
        f"{names} on {_train_images(dataset, study):,} training images of {dataset['name']}; "
        f"{count:,} runs on {first_page.machines(list(runs.values()))}"
    )


def _train_images(dataset: Mapping[str, Any], study: Study) -> int:
    if study.split.train_images is not None:
        return study.split.train_images
    return int(dataset["train_images"]) - study.split.validation_images


def _limitations(
    dataset: Mapping[str, Any], study: Study, tables: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    scale = limits.Scale(
        train_images=_train_images(dataset, study),
        epochs=study.bands.epochs,
        steps=study.probe.steps,
        bands_width=study.bands.width,
        probe_width=study.probe.width,
    )
    intervals = sum(
        row.ratio_interval is not None
        for table in tables.values()
        for row in summary.shown(table).values()
    )
    return limits.limitations(scale, dataset, study, intervals)
