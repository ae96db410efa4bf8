"""The style of every figure, and how it is saved."""

import functools
import textwrap
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter
from numpy.typing import ArrayLike, NDArray

from landscape.figures.colors import FOOTER, GRID
from landscape.storage.files import atomic_file

WIDTH = 6.5  # inches: the text width of the report, so that 8 pt stays 8 pt
DPI = 200

P = ParamSpec("P")

SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.labelsize": 8.5,
    "axes.titlesize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.linewidth": 0.7,
    "axes.formatter.use_mathtext": True,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "figure.dpi": DPI,
    "pdf.fonttype": 42,
}


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Let a function draw under `SETTINGS`, whatever the global settings are."""

    @functools.wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with _settings():
            return draw(*args, **kwargs)

    return wrapper


def _settings() -> AbstractContextManager[None]:
    """matplotlib's defaults with `SETTINGS` over them; the user's own file is ignored."""
    settings: Any = {**matplotlib.rcParamsDefault, **SETTINGS, "backend": "agg"}
    return matplotlib.rc_context(settings)


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure, sizes in inches; its layout keeps labels from overlapping."""
    return Figure(figsize=(width, height), layout="constrained")


class PlainLog(LogFormatter):
    """Ticks of a log axis as plain numbers (0.01, 1, 200); powers of ten far from 1."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        if not super().__call__(x, pos):  # a minor tick without room for a label
            return ""
        if 1e-3 <= x < 1e4:
            return f"{x:g}"
        exponent = int(np.floor(np.log10(x) + 1e-9))
        factor = x / 10.0**exponent
        times = "" if round(factor) == 1 else rf"{factor:.0f}\cdot "
        return rf"${times}10^{{{exponent}}}$"


def log_scale(axes: Axes) -> None:
    """A logarithmic y axis with readable ticks."""
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(PlainLog())
    axes.yaxis.set_minor_formatter(PlainLog())


def stamp(figure: Figure, text: str) -> None:
    """A small grey footer with the origin of the numbers."""
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(text, int(width * 18))
    margin = (0.14 * len(lines) + 0.06) / height
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(rect=(0, margin, 1, 1 - margin))  # type: ignore[call-arg]
    figure.text(0.01, 0.04 / height, "\n".join(lines), size=8, color=FOOTER, va="bottom")


def smooth(values: ArrayLike, window: int) -> NDArray[np.float64]:
    """Centred running median over `window` values, for drawing only; the first value stays raw."""
    raw = np.asarray(values, dtype=np.float64)
    if window <= 1 or raw.size == 0:
        return raw
    result = np.array(pd.Series(raw).rolling(window, center=True, min_periods=1).median())
    result[0] = raw[0]
    return result


def save(figure: Figure, png: Path, pdf: Path) -> None:
    """Write both formats, each whole or not at all; the same figure gives the same bytes."""
    with _settings():
        with atomic_file(png) as file:
            figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})
        figure.set_layout_engine("none")  # laid out: not a second time for the other format
        with atomic_file(pdf) as file:
            dates = {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None}
            figure.savefig(file, format="pdf", dpi=DPI, metadata=dates)
