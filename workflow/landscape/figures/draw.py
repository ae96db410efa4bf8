"""One figure by its name: read its tables, draw it, add the provenance, save it."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from safetensors.numpy import load_file

from landscape.config.study import Figures
from landscape.errors import UserError
from landscape.figures.registry import FIGURES, FigureSpec
from landscape.figures.style import save, stamp
from landscape.storage.files import read_json
from landscape.storage.tables import read_table
from landscape.tables.published import comparable

PIXELS = {True: "official pixels", False: "not the official pixels", None: "pixels not verified"}


def draw(name: str, results: Path, settings: Figures, png: Path, pdf: Path) -> None:
    """Draw the figure `name` from the tables in `results` into `png` and `pdf`."""
    if name not in FIGURES:
        raise UserError(f"no figure {name!r}; there are {sorted(FIGURES)}")
    spec = FIGURES[name]
    dataset = read_json(results / "data/dataset.json")
    options: dict[str, Any] = dict(spec.options)
    if spec.smoothed:
        options["smoothing_steps"] = settings.smoothing_steps
    if spec.anchored:
        options["published"] = comparable(dataset)
    function = getattr(importlib.import_module(spec.module), spec.function)
    arguments = _arguments(spec, results, dataset)
    try:
        figure: Figure = function(*arguments, **options)
    except UserError as error:
        files = ", ".join(str(results / path) for path in spec.arguments)
        raise UserError(f"figure {name} from {files}: {error}") from None
    stamp(figure, _origin(spec, results, dataset, arguments))
    save(figure, png, pdf)


def _origin(spec: FigureSpec, results: Path, dataset: dict[str, Any], arguments: list[Any]) -> str:
    match spec.study:
        case "data":
            return provenance(dataset, None)
        case "bench":
            machine = arguments[0]["machine"]
            return f"{machine['device']} · {machine['cores']} cores · torch {machine['torch']}"
        case _:
            runs = _runs(spec, results, arguments)
            return provenance(dataset, None if runs.empty else runs)


def provenance(dataset: dict[str, Any], runs: pd.DataFrame | None) -> str:
    """Data, devices, precision and seeds in one line."""
    share = dataset.get("official_share")  # known: the name says how many pixels are official
    pixels = "" if share else f" ({PIXELS[dataset['official_pixels']]})"
    images = f"{dataset['train_images']:,}"
    if runs is not None and "train_images" in runs:
        images = ", ".join(f"{count:,}" for count in sorted(runs["train_images"].unique()))
    parts = [f"{dataset['name']}{pixels}", f"{images} training images"]
    if runs is not None:
        parts += [_distinct(runs, "device"), _distinct(runs, "precision")]
        one = runs["seed"].nunique() == 1
        parts.append(("seed " if one else "seeds ") + _distinct(runs, "seed"))
        if diverged := _diverged(runs):
            parts.append(f"{diverged} of {len(runs)} runs diverged")
    return " · ".join(parts)


def _diverged(runs: pd.DataFrame) -> int:
    return int((runs["status"] == "diverged").sum()) if "status" in runs else 0


def _distinct(runs: pd.DataFrame, column: str) -> str:
    return ", ".join(str(value) for value in sorted(runs[column].dropna().unique()))


def _runs(spec: FigureSpec, results: Path, arguments: list[Any]) -> pd.DataFrame:
    """The runs that the figure shows."""
    if spec.needs == "insight":  # a table or a description that names its own runs
        shown = arguments[-1]
        return shown if isinstance(shown, pd.DataFrame) else pd.DataFrame(shown["networks"])
    runs = read_table(results / spec.study / "runs.csv")
    return runs[runs["name"].str.startswith(spec.drawn)] if spec.drawn else runs


def _arguments(spec: FigureSpec, results: Path, dataset: dict[str, Any]) -> list[Any]:
    if spec.study == "data":
        tensors = _tensors(results / spec.arguments[0])
        return [tensors["pixels"], tensors["labels"], dataset["class_names"]]
    return [_read(results / path) for path in spec.arguments]


def _read(path: Path) -> Any:
    """A table, the arrays of a .safetensors file, or the content of a .json file."""
    match path.suffix:
        case ".safetensors":
            return _tensors(path)
        case ".json":
            return read_json(path)
    return read_table(path)


def _tensors(path: Path) -> dict[str, np.ndarray]:
    try:
        tensors: dict[str, np.ndarray] = load_file(path)
    except Exception as error:  # safetensors has its own exceptions
        raise UserError(f"{path}: not readable as safetensors ({error})") from None
    return tensors
