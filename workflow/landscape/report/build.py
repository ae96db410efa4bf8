"""results/report.pdf: one JSON of texts, tables and numbers, typeset by typst/report.typ.

Its second part, the best network, comes from report_network.py.
"""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import typst

from landscape.bench import table as speed_table
from landscape.config.study import Study
from landscape.errors import UserError
from landscape.figures.selection import wanted
from landscape.notation.names import label, measure_name
from landscape.notation.numbers import number, quantity, span
from landscape.report import captions
from landscape.report.batchnorm import abstract, bands, endings, limits, probe
from landscape.report.network_study import chapter
from landscape.storage.files import read_json, write_bytes, write_json
from landscape.storage.tables import read_table
from landscape.tables.rows import Row, headline_rows

TEMPLATES = Path(__file__).parent / "typst"
Table = dict[str, Any]  # head and body, texts only
OPTIMIZERS = {
    "sgd": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
    "our_sgd": "our SGD",
    "our_adamw": "our AdamW",
    "muon": "our Muon",
}
NETWORK_RUNS = {"name", "seed", "validation_accuracy", "test_accuracy", "validation_images"}


def build(results: Path, study: Study, output: Path) -> None:
    """Typeset the report from the tables and figures below `results`; same input, same bytes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for template in TEMPLATES.glob("*.typ"):
            shutil.copy(template, folder)
        write_json(folder / "report.json", content(results, study))
        for figure in shown(results, study):
            path = results / "figures" / f"{figure}.pdf"
            try:
                shutil.copy(path, folder)
            except OSError as error:
                raise UserError(f"{path}: not readable ({error.strerror})") from None
        try:
            pdf = typst.compile(
                folder / "report.typ",
                root=folder,
                format="pdf",
                ignore_system_fonts=True,
                timestamp=0,
            )
        except RuntimeError as error:
            raise UserError(f"{output}: typesetting failed ({error})") from None
    if not isinstance(pdf, bytes):
        raise UserError(f"{output}: typesetting gave no single document")
    write_bytes(output, pdf)


def content(results: Path, study: Study) -> dict[str, Any]:
    """Everything that the report says, as texts; the template only arranges it."""
    dataset = read_json(results / "data/dataset.json")
    runs = {name: read_table(results / name / "runs.csv") for name in ("bands", "probe")}
    summaries = {
        name: headline_rows(read_table(results / name / "summary.csv", {"measure", "seeds"}))
        for name in ("bands", "probe")
    }
    smallest = min(study.probe.band_step_sizes)
    sections = [
        bands.bands_section(summaries["bands"], runs["bands"]),
        bands.training_section(summaries["bands"]),
        probe.probe_section(summaries["probe"], runs["probe"], study.probe.learning_rate, smallest),
    ]
    classes = len(dataset["class_names"])
    chance = {name: endings.near_chance(table, classes) for name, table in runs.items()}
    sections[0].sentences.extend(chance["bands"])
    sections[2].sentences.extend(chance["probe"])
    said: dict[str, Any] = {
        "title": "Why does batch normalization help optimization?",
        "subtitle": ", ".join(label(name) for name in study.bands.architectures)
        + f" on {dataset['name']}",
        "setup": _setup(dataset, study, runs),
        "abstract": _abstract(summaries, chance),
        "parameters": _parameters(study),
        "figures": {name: vars(captions.filled(name, study)) for name in shown(results, study)},
        "summaries": {name: _summary(table) for name, table in summaries.items()},
        "runs": {name: _runs(table) for name, table in runs.items()},
        "discussion": [vars(section) for section in sections],
        "limitations": _limitations(dataset, study, runs),
    }
    if study.network is not None:
        networks = read_table(results / "network/runs.csv", NETWORK_RUNS)
        said["title"] = f"{said['title']} And which network is best?"
        said["network"] = chapter.content(results, study, dataset, networks)
        said["runs"]["network"] = chapter.runs_table(networks)
        runs["network"] = networks
    if _benched(results):
        said["bench"] = speed_table.section(read_json(results / "bench/bench.json"))
    return {**said, "provenance": _provenance(dataset, runs)}


def shown(results: Path, study: Study) -> list[str]:
    """The study's figures, and the benchmark's where there has been one."""
    return [*wanted(study), *(["bench"] if _benched(results) else [])]


def _benched(results: Path) -> bool:
    return (results / "bench/bench.json").exists()


def _abstract(
    summaries: Mapping[str, Mapping[str, Row]], chance: Mapping[str, list[str]]
) -> list[str]:
    said = abstract.abstract(dict(summaries["bands"]), dict(summaries["probe"]))
    said += [f"Over learning rates, {sentence}" for sentence in chance["bands"]]
    return said + [f"Along the gradient, {sentence}" for sentence in chance["probe"]]


def _setup(dataset: Mapping[str, Any], study: Study, runs: Mapping[str, pd.DataFrame]) -> str:
    """One sentence: what was trained on what."""
    count = sum(len(table) for table in runs.values())
    names = ", ".join(label(name) for name in study.bands.architectures)
    return (
        f"{names}: {count} runs on {_train_images(dataset, study):,} training images "
        f"({dataset['name']}); with {_optimizer(study.bands.optimizer)} at "
        f"{len(study.bands.learning_rates)} learning rates for {study.bands.epochs} epochs, and "
        f"with {_optimizer(study.probe.optimizer)} at learning rate "
        f"{study.probe.learning_rate:g} for {study.probe.steps:,} steps."
    )


def _train_images(dataset: Mapping[str, Any], study: Study) -> int:
    if study.split.train_images is not None:
        return study.split.train_images
    return int(dataset["train_images"]) - study.split.validation_images


def _parameters(study: Study) -> Table:
    """The chosen settings of both studies, side by side."""
    bands, probe = study.bands, study.probe
    body = [
        ["architectures", _names(bands.architectures), _names(probe.architectures)],
        ["width factor", f"{bands.width:g}", f"{probe.width:g}"],
        ["optimizer", _optimizer(bands.optimizer), _optimizer(probe.optimizer)],
        ["learning rates", _numbers(bands.learning_rates), f"{probe.learning_rate:g}"],
        ["seeds", _numbers(bands.seeds), _numbers(probe.seeds)],
        ["batch size", f"{bands.batch_size}", f"{probe.batch_size}"],
        ["length", f"{bands.epochs} epochs", f"{probe.steps:,} steps"],
        ["measured", "every step", f"every {probe.every:,} steps"],
        ["gradient lags (steps)", _numbers(bands.gradient_lags), ""],
        ["step sizes η (times the learning rate)", "", _numbers(probe.relative_step_sizes)],
        ["of these in the bands", "", _numbers(probe.band_step_sizes)],
        ["validation images", *[f"{study.split.validation_images:,}"] * 2],
        ["precision of training", study.precision, study.precision],
        ["augmentation", "none", "none"],
    ]
    return {"head": ["", "over learning rates", "along the gradient"], "body": body}


def _names(architectures: tuple[str, ...]) -> str:
    return ", ".join(label(name) for name in architectures)


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _optimizer(optimizer: Any) -> str:
    extra = [
        f"{key.replace('_', ' ')} {value:g}"
        for key in ("momentum", "weight_decay", "sharpness_radius")
        if (value := getattr(optimizer, key))
    ]
    if optimizer.nesterov:
        extra.append("Nesterov")
    return ", ".join([OPTIMIZERS[optimizer.name], *extra])


def _summary(table: Mapping[str, Row]) -> Table:
    """Headline numbers with their intervals; an empty cell stays empty."""
    names = list(next(iter(table.values())).values) if table else []
    compares = len(names) > 1
    head = ["measure", *(label(name) for name in names), *(["ratio"] if compares else []), "seeds"]
    body = []
    for measure, row in table.items():
        cells = [measure_name(measure)]
        for name in names:
            cells.append(_with_interval(row.values[name], row.intervals[name], measure))
        if compares:
            cells.append(_with_interval(row.ratio, row.ratio_interval, None))
        body.append([*cells, str(row.seeds)])
    return {"head": head, "body": body}


def _with_interval(
    value: float | None, interval: tuple[float, float] | None, measure: str | None
) -> str:
    if value is None:
        return ""
    text = number(value) if measure is None else quantity(measure, value)
    if interval is None:
        return text
    if measure and text.endswith("%"):
        return f"{text}\n[{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"
    return f"{text}\n{span(interval)}"


def _runs(table: pd.DataFrame) -> Table:
    """Every run with how it ended."""
    head = ["architecture", "lr", "seed", "steps", "status", "parameters", "test accuracy"]
    head += ["test loss", "training (s)", "job (s)"]
    body = []
    for run in table.to_dict("records"):
        ended = str(run["status"])
        if ended == "diverged":
            ended = f"diverged at step {run['diverged_at_step']:,.0f}"
        body.append(
            [
                label(str(run["arch"])),
                f"{run['learning_rate']:g}",
                str(run["seed"]),
                f"{run['steps']:,}",
                ended,
                f"{run['parameters']:,}",
                "" if pd.isna(run["test_accuracy"]) else f"{100 * run['test_accuracy']:.2f} %",
                "" if pd.isna(run["test_loss"]) else number(run["test_loss"]),
                f"{run['train_seconds']:.1f}",
                f"{run['total_seconds']:.1f}",
            ]
        )
    return {"head": head, "body": body}


def _limitations(
    dataset: Mapping[str, Any], study: Study, runs: Mapping[str, pd.DataFrame]
) -> list[str]:
    scale = limits.Scale(
        train_images=_train_images(dataset, study),
        epochs=study.bands.epochs,
        steps=study.probe.steps,
        bands_width=study.bands.width,
        probe_width=study.probe.width,
    )
    seeds = min(table["seed"].nunique() for table in runs.values())
    count = len(study.bands.architectures)
    said = limits.limitations(scale, dataset, seeds, count)
    if study.precision != "float32":
        said.append(
            f"Training used {study.precision} arithmetic, so that the gradients over learning "
            "rates carry its rounding; those along the gradient are float32."
        )
    return said


def _provenance(dataset: Mapping[str, Any], runs: Mapping[str, pd.DataFrame]) -> dict[str, Table]:
    """Where every number comes from: data, machines, versions, seconds."""
    data = [
        [key, text] for key, value in dataset.items() for key, text in _flat(key, value) if text
    ]
    every = pd.concat(list(runs.values()), ignore_index=True)
    columns = ["device", "precision", "threads", "torch", "python", "git_commit", "seed"]
    machine = [[name.replace("_", " "), _distinct(every[name])] for name in columns]
    seconds = []
    for name, table in [*runs.items(), ("all", every)]:
        train, total = float(table["train_seconds"].sum()), float(table["total_seconds"].sum())
        share = f"{100 * (1 - train / total):.1f} %" if total > 0 else ""
        seconds.append([name, str(len(table)), f"{train:,.1f}", f"{total:,.1f}", share])
    return {
        "data": {"head": ["key", "value"], "body": data},
        "machine": {"head": ["", "all runs"], "body": machine},
        "seconds": {
            "head": ["study", "jobs", "training (s)", "jobs in all (s)", "share not training"],
            "body": seconds,
        },
    }


def _distinct(values: pd.Series) -> str:
    return ", ".join(str(value) for value in sorted(values.dropna().unique()))


def _flat(key: str, value: Any) -> list[tuple[str, str]]:
    """Nested JSON as lines of a table: `files.0.sha256`."""
    if isinstance(value, Mapping):
        return [line for name, part in value.items() for line in _flat(f"{key}.{name}", part)]
    if isinstance(value, list) and any(isinstance(part, (dict, list)) for part in value):
        return [line for place, part in enumerate(value) for line in _flat(f"{key}.{place}", part)]
    if isinstance(value, list):
        return [(key, ", ".join(str(part) for part in value))]
    return [(key, "" if value is None else str(value))]
