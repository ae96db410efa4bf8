"""The layers of the final networks: one bar per layer, from the image to the logits."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from landscape.errors import UserError
from landscape.figures.envelope import require_columns
from landscape.figures.style import new_figure, styled
from landscape.notation.names import label
from landscape.notation.units import count, operations

KINDS = {  # what is drawn, its colour, and the words in a layer's kind or name that say so
    "attention": ("#AA4499", ("squeeze", "excit", "attention")),
    "shortcut": ("#88CCEE", ("shortcut",)),
    "whitening (fixed)": ("#DDCC77", ("whiten",)),
    "depthwise convolution": ("#44AA99", ("depthwise",)),
    "convolution": ("#332288", ("conv",)),
    "pooling": ("#BBBBBB", ("pool", "maximum", "average")),
    "linear": ("#CC6677", ("linear", "fully connected")),
}
BY_NAME = ("attention", "shortcut")  # also recognized by the layer's name, whatever its kind
COLUMNS = {"network", "layer", "kind", "output_shape", "parameters", "flops"}
PANEL = 1.25  # height of a network in inches
SPAN = 100.0  # width of a panel; horizontal lengths are in these units
LABEL = 12.5  # width of a stage's label
GAP = 2.5  # between stages
WIDEST = 0.75  # width of a doubling of the channels
LOWEST = 0.05  # height of a bar whose image is one pixel, as a share of the input's side


@dataclass(frozen=True)
class Bar:
    kind: str
    channels: int
    side: int


@dataclass
class Stage:
    """Consecutive layers whose images have the same side, and all parameters from first to last."""

    bars: list[Bar]
    parameters: int

    @property
    def side(self) -> int:
        return self.bars[-1].side

    @property
    def shape(self) -> str:
        last = self.bars[-1]
        return (
            f"{last.channels}" if last.side == 1 else f"{last.channels} × {last.side}×{last.side}"
        )

    @property
    def doublings(self) -> float:
        return sum(_doublings(bar) for bar in self.bars)


@styled
def structure(layers: pd.DataFrame) -> Figure:
    """One row of bars per network: height is the image's side, width the channels' logarithm."""
    require_columns(layers, COLUMNS, "layers")
    if layers.empty:
        raise UserError("there are no layers")
    networks = list(dict.fromkeys(layers["network"]))
    figure = new_figure(height=0.5 + PANEL * len(networks))
    panels = figure.subplots(len(networks), 1, squeeze=False)[:, 0]
    used: set[str] = set()
    for axes, network in zip(panels, networks, strict=True):
        part = layers[layers["network"] == network]
        stages = stages_of(part)
        used |= {bar.kind for stage in stages for bar in stage.bars}
        _panel(axes, stages)
        total = f"{count(part['parameters'].sum())} parameters"
        flops = f"{operations(part['flops'].sum())} for an image"
        axes.set_title(f"{label(str(network))}: {total}, {flops}", loc="left")
    handles = [Patch(color=tint, label=kind) for kind, (tint, _) in KINDS.items() if kind in used]
    figure.legend(handles=handles, loc="outside upper center", ncols=4)
    return figure


def stages_of(layers: pd.DataFrame) -> list[Stage]:
    """The layers of one network that are drawn, cut where the side of the image changes.

    Normalization, activation, dropout and reshaping are not drawn; their parameters are counted.
    """
    stages: list[Stage] = []
    ahead = Stage([], 0)  # belongs to the next stage
    for row in layers.to_dict("records"):
        kind = kind_of(str(row["kind"]), str(row["layer"]))
        parameters = int(row["parameters"])
        if kind is None:
            (stages[-1] if stages and not ahead.bars else ahead).parameters += parameters
            continue
        bar = Bar(kind, *_shape(str(row["output_shape"])))
        new = not stages or bar.side != stages[-1].side
        if new and kind in BY_NAME:  # a skip connection runs before the layers that it skips
            ahead.bars.append(bar)
            ahead.parameters += parameters
            continue
        if new:
            stages.append(ahead)
            ahead = Stage([], 0)
        stages[-1].bars.append(bar)
        stages[-1].parameters += parameters
    if not stages:
        raise UserError(f"no layer is of a kind that is drawn: {sorted(set(layers['kind']))}")
    stages[-1].bars += ahead.bars
    stages[-1].parameters += ahead.parameters
    return stages


def kind_of(kind: str, name: str) -> str | None:
    """What a layer is drawn as; None if it is not drawn."""
    for drawn, (_, words) in KINDS.items():
        searched = f"{kind} {name}" if drawn in BY_NAME else kind
        if any(word in searched.lower() for word in words):
            if drawn == "shortcut" and kind_of(kind, "") is None:
                return None  # the normalization in a skip connection
            return drawn
    return None


def _shape(text: str) -> tuple[int, int]:
    """(channels, side) of `64×16×16` or `(1, 64, 16, 16)`; a vector has side 1."""
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    if len(numbers) >= 3:
        return numbers[-3], numbers[-1]
    if numbers:
        return numbers[-1], 1
    raise UserError(f"output_shape {text!r} has no numbers")


def _doublings(bar: Bar) -> float:
    return float(np.log2(1 + bar.channels))


def _panel(axes: Axes, stages: list[Stage]) -> None:
    scale, slots = _fitted(stages)
    highest = max(bar.side for stage in stages for bar in stage.bars)
    left = 0.0
    for stage, slot in zip(stages, slots, strict=True):
        x = left + (slot - scale * stage.doublings) / 2
        for bar in stage.bars:
            width = scale * _doublings(bar)
            height = max(LOWEST, bar.side / highest)
            axes.bar(
                x + width / 2,
                height,
                0.8 * width,
                bottom=(1 - height) / 2,
                color=KINDS[bar.kind][0],
                lw=0,
            )
            x += width
        text = f"{stage.shape}\n{count(stage.parameters)}"
        axes.text(left + slot / 2, -0.1, text, ha="center", va="top", size=8, linespacing=1.1)
        left += slot + GAP
    axes.set_xlim(-1, SPAN + 1)
    axes.set_ylim(-0.62, 1.02)
    axes.set_axis_off()


def _fitted(stages: list[Stage]) -> tuple[float, list[float]]:
    """The widths of a doubling and of each stage with which all stages and their labels fit."""
    scale = WIDEST * 2
    while True:
        slots = [max(LABEL, scale * stage.doublings) for stage in stages]
        if sum(slots) + GAP * (len(stages) - 1) <= SPAN or scale < 0.01:
            return scale, slots
        scale *= 0.98
