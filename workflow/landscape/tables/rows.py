"""Headline numbers of a summary table, and how numbers are written for readers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from landscape.errors import UserError
from landscape.notation.units import times_rate

MEASURES: dict[str, tuple[str, str]] = {  # label, unit
    "loss_band_width": ("width of the loss band, mean over steps without divergence", "nats"),
    "loss_band_width_late": ("width of the loss band, last tenth of the steps", "nats"),
    "gradient_distance_mean": ("gradient distance, mean", ""),
    "gradient_distance_first": ("gradient distance at step 0", ""),
    "output_gradient_distance_mean": ("gradient distance of the output layer, mean", ""),
    "gradient_distance_late": ("gradient distance, last tenth of the steps", ""),
    "cosine_distance_mean": ("1 − cosine of the gradients, maximum over step sizes, mean", ""),
    "beta_mean": ("β, mean", ""),
    "beta_maximum": ("β, maximum", ""),
    "beta_maximum_mean": ("β, maximum over step sizes, mean", ""),
    "beta_maximum_late": ("β, maximum over step sizes, last tenth of the steps", ""),
    "beta_maximum_first": ("β, maximum over step sizes, at step 0", ""),
    "scaled_beta_mean": ("β·‖θ‖², mean", ""),
    "scaled_beta_maximum_mean": ("β·‖θ‖², maximum over step sizes, mean", ""),
    "loss_range_mean": ("loss range over step sizes, mean", "nats"),
    "loss_range_late": ("loss range over step sizes, last tenth of the steps", "nats"),
    "loss_range_first": ("loss range over step sizes at step 0", "nats"),
    "final_train_loss_lowest": ("final training loss, lowest of the learning rates", "nats"),
    "final_loss": ("mini-batch loss, last tenth of the steps", "nats"),
    "test_accuracy": ("test accuracy", "%"),
    "test_accuracy_best": ("test accuracy, best learning rate", "%"),
    "test_accuracy_worst": ("test accuracy, worst learning rate", "%"),
    "diverged_runs": ("diverged runs", ""),
}
BETA_AT = "beta_at_"
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Row:
    """One headline number: a value per architecture, and second ÷ first, with intervals."""

    measure: str
    values: dict[str, float | None]
    intervals: dict[str, tuple[float, float] | None]
    ratio: float | None
    ratio_interval: tuple[float, float] | None
    seeds: int


def headline_rows(summary: pd.DataFrame) -> dict[str, Row]:
    """A summary table by measure; empty cells become None."""
    names = compared_architectures(summary)
    found = {}
    for cells in summary.to_dict("records"):
        found[str(cells["measure"])] = Row(
            measure=str(cells["measure"]),
            values={name: _cell(cells, name) for name in names},
            intervals={name: _interval(cells, name) for name in names},
            ratio=_cell(cells, "ratio"),
            ratio_interval=_interval(cells, "ratio"),
            seeds=int(cells["seeds"]),
        )
    return found


def compared_architectures(summary: pd.DataFrame) -> list[str]:
    """The architectures of a summary table, in its order: the ratio is second ÷ first."""
    return [
        str(column)
        for column in summary.columns
        if column not in ("measure", "seeds")
        and not str(column).startswith("ratio")
        and not str(column).endswith(("_low", "_high"))
    ]


@dataclass(frozen=True)
class Outcome:
    """One setting of the network study: what its runs share, and their means over seeds.

    `values` holds every number of its row of network/summary.csv; None is an empty cell.
    """

    run: str
    kind: str
    group: str
    level: str
    family: str
    seeds: int
    diverged: int
    values: Mapping[str, float | None]

    def has(self, measure: str) -> bool:
        return self.values.get(measure) is not None

    def known(self, measure: str) -> float:
        """A number that must be there."""
        value = self.values.get(measure)
        if value is None:
            raise UserError(f"network/summary.csv: {self.level} ({self.group}) has no {measure}")
        return value

    def interval(self, measure: str) -> tuple[float, float] | None:
        return _interval(self.values, measure)


def outcomes(summary: pd.DataFrame) -> list[Outcome]:
    """The rows of network/summary.csv, in their order."""
    texts = ("run", "kind", "group", "level", "family")
    found = []
    for cells in summary.astype(dict.fromkeys(texts, str)).to_dict("records"):
        numbers = [str(key) for key in cells if key not in texts]
        found.append(
            Outcome(
                **{text: cells[text] for text in texts},
                seeds=int(cells["seeds"]),
                diverged=int(cells["diverged"]),
                values={key: _cell(cells, key) for key in numbers},
            )
        )
    return found


def _cell(cells: Mapping[Any, Any], key: str) -> float | None:
    value = cells.get(key)
    return None if value is None or pd.isna(value) else float(value)


def _interval(cells: Mapping[Any, Any], key: str) -> tuple[float, float] | None:
    low, high = _cell(cells, f"{key}_low"), _cell(cells, f"{key}_high")
    return None if low is None or high is None else (low, high)


def number(value: float, digits: int = 3) -> str:
    """A number as a reader writes it: three significant digits, powers of ten beyond reason."""
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e7:
        rounded = float(f"{value:.{digits}g}")
        if abs(rounded) >= 10 ** (digits - 1):
            return _minus(f"{rounded:,.0f}")
        return _minus(f"{value:#.{digits}g}".rstrip("."))
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return _minus(f"{mantissa} × 10") + str(int(exponent)).translate(SUPERSCRIPT)


def _minus(text: str) -> str:
    return text.replace("-", "−")


def percent(share: float) -> str:
    """An accuracy of the network study: 93.42 %."""
    return f"{100 * share:.2f} %"


def points(difference: float) -> str:
    """A difference of accuracies in percentage points, with its sign: +0.71, −2.30."""
    return _minus(f"{100 * difference:+.2f}")


def points_span(interval: tuple[float, float]) -> str:
    return f"[{points(interval[0])}, {points(interval[1])}]"


def named(measure: str) -> str:
    """What a measure is called; an unknown one keeps its name."""
    if measure in MEASURES:
        return MEASURES[measure][0]
    size = step_size(measure)
    return measure if size is None else f"β at η = {times_rate(size)}, mean"


def quantity(measure: str, value: float) -> str:
    """A value with its unit; accuracies in percent, counts whole."""
    unit = MEASURES.get(measure, ("", ""))[1]
    if unit == "%":
        return f"{100 * value:.1f} %"
    if measure == "diverged_runs":
        return f"{value:g}"
    return f"{number(value)} {unit}".strip()


def step_size(measure: str) -> float | None:
    try:
        return float(measure.removeprefix(BETA_AT)) if measure.startswith(BETA_AT) else None
    except ValueError:
        return None


def span(interval: tuple[float, float]) -> str:
    return f"[{number(interval[0])}, {number(interval[1])}]"
