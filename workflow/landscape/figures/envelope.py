"""A band between minimum and maximum by step: checked, and drawn with its spread over seeds."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from landscape.errors import UserError
from landscape.figures.colors import color
from landscape.figures.style import WIDTH, new_figure, smooth
from landscape.notation.names import label, ordered

SHOWN_DROPS = 6


class Drop(NamedTuple):
    """From `step` on, the band of this architecture and seed has fewer runs."""

    architecture: str
    seed: int
    step: int
    runs: int
    of: int


def select(table: pd.DataFrame, measure: str, null_at_start: bool = False) -> pd.DataFrame:
    """The rows of one measure, all finite; empty if no run has a value.

    With `null_at_start` a null at step 0 is dropped: a distance needs an earlier gradient.
    A null at a step without runs is dropped too. Any other value that is not finite is an error.
    """
    rows = table[table["measure"] == measure]
    limits = rows[["minimum", "maximum"]].astype(np.float64)
    allowed = rows["runs"] == 0
    if null_at_start:
        allowed |= rows["step"] == 0
    rows = rows[~(limits.isna().all(axis=1) & allowed)]
    refuse_non_finite(rows, ["minimum", "maximum"], f"measure {measure!r}")
    return rows


def require_columns(table: pd.DataFrame, columns: set[str], what: str) -> None:
    missing = sorted(columns - set(table.columns))
    if missing:
        raise UserError(f"{what}: lacks the columns {missing}")


def refuse_non_finite(table: pd.DataFrame, columns: list[str], what: str) -> None:
    """Raise an error if a number is NaN or infinite: no figure is drawn from it."""
    for column in columns:
        bad = table[~np.isfinite(table[column].astype(np.float64))]
        if len(bad):
            keys = [k for k in ("arch", "learning_rate", "seed", "epoch", "step") if k in bad]
            where = ", ".join(f"{key} {bad[key].iloc[0]}" for key in keys)
            raise UserError(f"{what}: {len(bad)} non-finite values of {column!r}, first at {where}")


def archs_of(table: pd.DataFrame) -> list[str]:
    return ordered(set(table["arch"]))


def say_empty(axes: Axes, reason: str) -> None:
    """A panel without data, with the reason."""
    axes.text(0.5, 0.5, reason, transform=axes.transAxes, ha="center", va="center", wrap=True)
    axes.set_xticks([])
    axes.yaxis.set_major_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(False)


def empty_figure(reason: str, width: float = WIDTH) -> Figure:
    """A figure without data, with the reason; to be called by a `styled` function."""
    figure = new_figure(height=2, width=width)
    say_empty(figure.subplots(), reason)
    return figure


def drops(rows: pd.DataFrame) -> list[Drop]:
    """Every step at which a band loses runs for good."""
    found = []
    for name in archs_of(rows):
        for seed, part in rows[rows["arch"] == name].groupby("seed"):
            part = part.sort_values("step")
            total = int(part["runs"].max())
            remain = part["runs"][::-1].cummax()[::-1]  # one missing value is not a lost run
            lost = remain.diff() < 0
            for step, runs in zip(part["step"][lost], remain[lost], strict=True):
                found.append(Drop(name, int(str(seed)), int(step), int(runs), total))
            last = int(part["step"].iloc[-1])
            if last < rows["step"].max():  # the whole band ends before another's does
                found.append(Drop(name, int(str(seed)), last, 0, total))
    return found


def by_seed(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """One architecture's values of a column, step by seed."""
    return rows.pivot(index="step", columns="seed", values=column).sort_index()


def smoothing_window(steps: pd.Index, smoothing_steps: int) -> int:
    """How many of the recorded steps the running median covers."""
    spacing = int(np.median(np.diff(steps))) if len(steps) > 1 else 1
    return max(1, smoothing_steps // max(1, spacing))


def middle(table: pd.DataFrame, smoothing_steps: int) -> NDArray[np.float64]:
    """The median over seeds of a table step by seed, smoothed for drawing."""
    return smooth(table.median(axis=1), smoothing_window(table.index, smoothing_steps))


def draw_bands(axes: Axes, rows: pd.DataFrame, smoothing_steps: int) -> None:
    """One band per architecture: median over seeds (smoothed), each seed's raw band pale below."""
    for name in archs_of(rows):
        part = rows[rows["arch"] == name]
        low, high = by_seed(part, "minimum"), by_seed(part, "maximum")
        steps = low.index.to_numpy()
        window = smoothing_window(low.index, smoothing_steps)
        tint = color(name)
        if window > 1 or low.shape[1] > 1:
            for seed in low:
                pale = axes.fill_between(steps, low[seed], high[seed], color=tint, alpha=0.15, lw=0)
                pale.set_rasterized(True)
                pale.set_gid(f"seed:{name}:{seed}")
                for raw in (low[seed], high[seed]):  # a spike of one step stays visible
                    axes.plot(steps, raw, color=tint, lw=0.35, alpha=0.4, rasterized=True)
        bottom, top = middle(low, smoothing_steps), middle(high, smoothing_steps)
        band = axes.fill_between(steps, bottom, top, color=tint, alpha=0.35, lw=0)
        band.set_gid(f"band:{name}")
        for edge in (bottom, top):
            axes.plot(steps, edge, color=tint, lw=0.8)


def mark_drops(axes: Axes, found: list[Drop]) -> None:
    for drop in found:
        axes.axvline(drop.step, color=color(drop.architecture), ls=":", lw=1.2)


def drop_text(drop: Drop, rows: pd.DataFrame, unit: str = "runs") -> str:
    """VGG-A (seed 1): 3 of 4 runs from step 120."""
    seed = f" (seed {drop.seed})" if rows["seed"].nunique() > 1 else ""
    left = f"{drop.runs} of {drop.of} {unit} from step {drop.step:,}"
    return f"{label(drop.architecture)}{seed}: {left}"


def legend(figure: Figure, rows: pd.DataFrame, found: list[Drop], unit: str = "runs") -> None:
    """A legend above all panels: architectures, then the steps at which their bands lose runs."""
    handles: list[Patch | Line2D] = [
        Patch(facecolor=color(name), alpha=0.6, label=label(name)) for name in archs_of(rows)
    ]
    for drop in found[:SHOWN_DROPS]:
        text = drop_text(drop, rows, unit)
        handles.append(Line2D([], [], color=color(drop.architecture), ls=":", label=text))
    if len(found) > SHOWN_DROPS:
        handles.append(Line2D([], [], lw=0, label=f"and {len(found) - SHOWN_DROPS} more"))
    if len(rows) and rows["runs"].max() == 1:
        single = f"a single {unit.removesuffix('s')} per seed: a line, no band"
        handles.append(Line2D([], [], lw=0, label=single))
    columns = 2 if found else max(1, len(handles))
    figure.legend(handles=handles, loc="outside upper center", ncols=columns)
