"""The report's second part, the best network, as texts and tables for typst/network.typ."""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from landscape.config.network_study import NetworkStudy
from landscape.config.recipes import Recipe
from landscape.config.study import Study
from landscape.figures.registry import FIGURES
from landscape.figures.selection import wanted
from landscape.notation.names import final_name, label
from landscape.notation.numbers import number, percent, points, points_span
from landscape.notation.units import count, duration, operations, petaflops
from landscape.report.captions_network_study import FACTOR_TITLES
from landscape.report.network_study import factors, finals, limits
from landscape.report.network_study.phrases import called, spread
from landscape.report.network_study.question import question
from landscape.storage.files import read_json
from landscape.storage.tables import read_table
from landscape.tables.published import PUBLISHED
from landscape.tables.rows import Outcome, outcomes

Table = dict[str, Any]  # head and body, texts only
SUMMARY = {"run", "kind", "group", "level", "family", "seeds", "diverged", "parameters"}
NOT_USED = "–"
SHORT = {"depthwise convolution": "depthwise", "convolution": "conv", "pooling": "pool"}
FOLDED = {"normalization": "norm", "activation": "act", "dropout": "drop", "scale": "scale"}


def content(
    results: Path, study: Study, dataset: Mapping[str, Any], runs: pd.DataFrame
) -> dict[str, Any]:
    """Everything that the second part says; `runs` is the table of the study's runs."""
    assert study.network is not None
    folder = results / "network"
    rows = outcomes(read_table(folder / "summary.csv", SUMMARY))
    comparisons = read_table(folder / "comparisons.csv", {"measure", "first", "second", "ratio"})
    against = finals.against_sentences(rows, comparisons)
    configured = wanted(study)
    return {
        "question": question(study.network),
        "setup": _setup(study.network, runs, dataset),
        "abstract": finals.abstract(rows, comparisons),
        "recipes": recipes(study.network),
        "finals": _finals(rows),
        "final_sentences": [*finals.final_sentences(rows), *against],
        "published": _published(),
        "published_sentences": finals.published_sentences(rows, dataset),
        "structures": _structures(read_table(folder / "layers.csv", {"network", "output_shape"})),
        "factors": [
            {
                "title": FACTOR_TITLES[factor],
                "figure": f"sweep_{factor}",
                "sentences": factors.factor_sentences(rows, factor),
            }
            for factor, levels in study.network.sweeps.items()
            if levels
        ],
        "ablations": [
            {"title": final, "sentences": factors.ablation_sentences(rows, final)}
            for final, parts in study.network.ablations.items()
            if parts
        ],
        "plain_sentences": finals.plain_sentences(rows),
        "insight": [n for n in configured if FIGURES[n].needs == "insight"],
        "insight_missing": _missing(results) if study.network.insight else [],
        "limitations": limits.limitations(rows, dataset, int(runs["validation_images"].max())),
        "settings": _settings(rows, changes(study.network)),
    }


def _missing(results: Path) -> list[str]:
    """The runs that should have been looked into, and have no trained network."""
    diverged = read_json(results / "network/insight.json")["diverged"]
    return [f"Not looked into, as they diverged: {', '.join(diverged)}."] if diverged else []


def runs_table(runs: pd.DataFrame) -> Table:
    """Every run of the study and how it ended, in few columns."""
    body = [
        [
            f"{run['name']}, seed\u00a0{run['seed']}"
            + ("" if run["status"] == "completed" else " ✗"),
            _or_nothing(run["validation_accuracy"]),
            _or_nothing(run["test_accuracy"]),
            f"{run['train_seconds']:.1f}",
            f"{run['total_seconds']:.1f}",
        ]
        for run in runs.to_dict("records")
    ]
    return {
        "head": ["run (✗: diverged)", "validation", "test", "training (s)", "job (s)"],
        "body": body,
    }


def recipes(study: NetworkStudy) -> dict[str, Any]:
    """Every setting of the base and of the final networks.

    A row for each that differs; what all have in common is one text beside the table.
    """
    columns = {"base": _settings_of(study.base)}
    for entry in study.entries():
        if entry.kind == "final":
            name = final_name(entry.level, entry.recipe.architecture.name)
            columns[name] = _settings_of(entry.recipe)
    body, common = [], []
    every = dict.fromkeys(key for recipe in columns.values() for key in recipe)
    keys = [key for key in every if not any(other.startswith(f"{key}: ") for other in every)]
    for key in sorted(keys, key=lambda key: not key.startswith("architecture")):
        absent = "" if key.startswith("architecture") else NOT_USED
        values = [recipe.get(key, absent) for recipe in columns.values()]
        if len(set(values)) > 1 or len(values) == 1:
            body.append([key, *values])
        else:
            common.append(f"{key} = {values[0]}")
    return {"head": ["", *columns], "body": body, "common": "; ".join(common)}


def changes(study: NetworkStudy) -> dict[tuple[str, str], str]:
    """What each level of a sweep changes of the base, and each ablation of the whole network."""
    wholes = {entry.level: entry.recipe for entry in study.entries() if entry.kind == "final"}
    found = {}
    for entry in study.entries():
        if entry.kind != "final":
            whole = study.base if entry.kind == "sweep" else wholes[entry.group]
            before, after = _settings_of(whole), _settings_of(entry.recipe)
            found[entry.group, entry.level] = ", ".join(
                f"{_plain_key(key)} {value}"
                for key, value in after.items()
                if value != before.get(key) and not (value == NOT_USED and ": " in key)
            )
    return found


def _plain_key(key: str) -> str:
    """`optimizer: weight decay` → weight decay, `optimizer: name` → optimizer."""
    return key.removesuffix(": name").rpartition(": ")[2]


def _settings_of(recipe: Recipe) -> dict[str, str]:
    """All settings that the recipe has a use for, as texts."""
    said = recipe.model_dump()
    said["optimizer"] |= dict.fromkeys(recipe.optimizer.unread)
    return _flat(said)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as texts: `optimizer: weight decay` → 0.0005."""
    found: dict[str, str] = {}
    for key, value in settings.items():
        name = key.replace("_", " ")
        if isinstance(value, Mapping):
            found |= _flat(value, f"{name}: ")
        else:
            found[prefix + name] = _text(value)
    return found


def _text(value: Any) -> str:
    if value is None:
        return NOT_USED
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value).replace("_", " ")


def _setup(study: NetworkStudy, runs: pd.DataFrame, dataset: Mapping[str, Any]) -> str:
    """One sentence: what was trained on what."""
    images = ", ".join(f"{value:,}" for value in sorted(runs["train_images"].unique()))
    held_out = int(runs["validation_images"].max())
    varied = {entry.name for entry in study.entries() if entry.kind == "sweep"}
    kinds = [
        f"of {len(varied)} settings of {len(study.sweeps)} factors, the base among them",
        _several(len(study.finals), "final network"),
        _several(sum(map(len, study.ablations.values())), "ablation"),
        *(["a network of plain tensors"] if study.plain else []),
    ]
    return (
        f"{len(runs)} runs ({', '.join(kinds)}) on {images} training images of "
        f"{dataset['name']}, judged by {held_out:,} held-out images; the test images are read "
        f"once, by the final networks{' and that of plain tensors' if study.plain else ''} only."
    )


def _several(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _finals(rows: list[Outcome]) -> Table:
    head = ["network", "test (%)", "six views (%)", "validation (%)", "parameters"]
    head += ["for an image", "training", "training time", "seeds"]
    body = []
    for o in rows:
        if o.kind in ("final", "plain"):
            accuracies = ("test_accuracy", "test_accuracy_augmented", "validation_accuracy")
            body.append(
                [
                    called(o),
                    *(_with_spread(o, measure) for measure in accuracies),
                    count(o.known("parameters")),
                    operations(o.known("flops")) if o.has("flops") else "",
                    petaflops(o.known("train_flops")) if o.has("train_flops") else "",
                    duration(o.known("train_seconds")) if o.has("train_seconds") else "",
                    _seeds(o),
                ]
            )
    return {"head": head, "body": body}


def _with_spread(o: Outcome, measure: str) -> str:
    if not o.has(measure):
        return ""
    return spread(o.known(measure), o.values[f"{measure}_std"]).removesuffix(" %")


def _seeds(o: Outcome) -> str:
    return f"{o.seeds}, {o.diverged} diverged" if o.diverged else f"{o.seeds}"


def _settings(rows: list[Outcome], changed: Mapping[tuple[str, str], str]) -> Table:
    head = [
        "factor, network",
        "level and what it changes",
        "validation (%)",
        "difference",
        "parameters",
        "training",
        "seeds",
    ]
    body = []
    for o in rows:
        if o.kind in ("sweep", "ablation"):
            accuracy, difference = "", "base" if o.run == "base" else ""
            if o.has("validation_accuracy"):
                accuracy = percent(o.known("validation_accuracy")).removesuffix(" %")
                if interval := o.interval("validation_accuracy"):
                    accuracy += f" [{100 * interval[0]:.2f}, {100 * interval[1]:.2f}]"
            if o.has("difference"):
                difference = points(o.known("difference"))
                if interval := o.interval("difference"):
                    difference += f" {points_span(interval)}"
            seconds = duration(o.known("train_seconds")) if o.has("train_seconds") else ""
            cost = [count(o.known("parameters")), seconds, _seeds(o)]
            level = "\n".join(filter(None, [o.level, changed.get((o.group, o.level))]))
            body.append([o.group, level, accuracy, difference, *cost])
    return {"head": head, "body": body}


def _published() -> Table:
    body = [
        [
            entry.name,
            f"{entry.accuracy:.1f}",
            count(entry.parameters),
            petaflops(entry.flops) if entry.flops else "",
            f"{duration(entry.seconds)} ({entry.hardware})" if entry.seconds else "",
            "; ".join(filter(None, [entry.source, entry.remark])),
        ]
        for entry in PUBLISHED
    ]
    head = ["network", "accuracy (%)", "parameters", "training", "time", "source"]
    return {"head": head, "body": body}


def _structures(layers: pd.DataFrame) -> list[dict[str, Any]]:
    """The layers of each final network in the order of the computation, a row per weighty layer."""
    texts = ["layer", "kind", "output_shape"]  # a row of what no layer holds has no name or shape
    found = []
    for network, part in layers.fillna(dict.fromkeys(texts, "")).groupby("network", sort=False):
        body = [
            [
                str(row["layer"]).removeprefix("features."),
                _short(str(row["kind"])),
                str(row["output_shape"]),
                f"{row['parameters']:,}" if row["parameters"] else "",
                number(row["flops"] / 1e6) if row["flops"] else "",
            ]
            for row in folded(part)
        ]
        name = label(str(network))
        head = ["layer", "kind", "output", "parameters", "MFLOP"]
        found.append({"name": name, "table": {"head": head, "body": body}})
    return found


def folded(layers: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """Normalizations, activations and the like in the row of the layer that they follow."""
    rows: list[dict[Hashable, Any]] = []
    for row in layers.to_dict("records"):
        short = FOLDED.get(str(row["kind"]))
        if short is None or not rows or rows[-1]["output_shape"] != row["output_shape"]:
            rows.append(row)
        else:
            rows[-1]["kind"] += f" + {short}"
            rows[-1]["parameters"] += row["parameters"]
            rows[-1]["flops"] += row["flops"]
    return rows


def _short(kind: str) -> str:
    for word, short in SHORT.items():
        kind = kind.replace(word, short)
    return kind


def _or_nothing(share: float) -> str:
    return "" if pd.isna(share) else percent(share).removesuffix(" %")
