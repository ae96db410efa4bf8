"""Filters, feature maps and mistakes, as pictures."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from landscape.figures.colors import HEATMAP
from landscape.figures.insight.inspected import Arrays, Info, inspected, of_networks
from landscape.figures.insight.panels import SMALL, bare
from landscape.figures.style import WIDTH, new_figure


@of_networks
def insight_filters(arrays: Arrays, info: Info) -> Figure:
    """The first layer of every network: filters in colour, grey where a weight is zero."""
    networks = inspected(arrays, info)
    shown = [network.array("filters") for network in networks]
    tallest = max(
        -(-len(filters) // _columns(len(filters))) / _columns(len(filters)) for filters in shown
    )
    side = min(2.4, WIDTH / len(networks))  # height of a panel in inches
    figure = new_figure(width=max(3.2, side * len(networks)), height=0.75 + tallest * side)
    for axes, network, filters in zip(_row(figure, len(networks)), networks, shown, strict=True):
        zoom = max(1, 12 // filters.shape[-1])
        large = filters.repeat(zoom, axis=2).repeat(zoom, axis=3).transpose(0, 2, 3, 1)
        axes.imshow(mosaic(large, _columns(len(large)), fill=1.0), interpolation="nearest")
        axes.set_anchor("N")
        axes.set_title(network.title, color=network.color)
        kind = "fixed" if network.numbers["filter_kind"] == "whitening" else "learned"
        size = f"{filters.shape[-1]}×{filters.shape[-1]}"
        axes.set_xlabel(f"{len(filters)} {kind} filters, {size}", size=SMALL)
    return figure


@of_networks
def insight_features(arrays: Arrays, info: Info) -> Figure:
    """One image and the outputs of a few convolutions: a row per network, a block per layer."""
    networks = inspected(arrays, info)
    figure = new_figure(height=0.3 + 1.28 * len(networks))
    grid = figure.subplots(len(networks), 4, squeeze=False, width_ratios=[0.9, 2, 2, 2])
    image = arrays["attributed_images"][0].transpose(1, 2, 0)
    for row, network in zip(grid, networks, strict=True):
        for axes in row:
            bare(axes)
        row[0].imshow(image, interpolation="nearest")
        row[0].set_title(network.title, color=network.color, loc="left")
        layers = network.numbers["feature_layers"]
        if not layers:
            row[1].text(0, 0.5, "no convolutions", va="center", transform=row[1].transAxes)
        for place, (axes, layer) in enumerate(zip(row[1:], layers, strict=False)):
            maps = network.array(f"features/{place}")
            axes.imshow(mosaic(_stretched(maps), 4), cmap=HEATMAP, interpolation="nearest")
            axes.set_xlabel(f"{layer}, {maps.shape[-1]}×{maps.shape[-1]}", size=SMALL)
    return figure


@of_networks
def insight_mistakes(arrays: Arrays, info: Info) -> Figure:
    """The misclassified test images with each network's highest confidence, a row per network."""
    networks = inspected(arrays, info)
    names = info["class_names"]
    columns = max(1, *(len(network.array("mistakes")) for network in networks))
    columns = max(columns, 6)
    figure = new_figure(height=0.2 + 1.75 * len(networks))
    parts: Any = figure.subfigures(len(networks), 1, squeeze=False)
    for part, network in zip(parts.flat, networks, strict=True):
        part.suptitle(network.title.replace("\n", ", "), size=9, color=network.color)
        cells = part.subplots(1, columns)
        images = network.array("mistakes")
        for axes in cells:
            bare(axes)
        if not len(images):
            cells[0].text(0, 0.5, "no mistakes", va="center", transform=cells[0].transAxes)
        said, true = (network.column("mistakes", key) for key in ("predicted", "label"))
        sure = network.column("mistakes", "confidence")
        for axes, image, wrong, right, share in zip(cells, images, said, true, sure, strict=False):
            axes.imshow(image.transpose(1, 2, 0), interpolation="nearest")
            axes.set_title(f"{names[wrong]} {100 * share:.0f} %", size=SMALL)
            axes.set_xlabel(f"is {names[right]}", size=SMALL)
    return figure


def mosaic(images: NDArray[Any], columns: int, fill: float = np.nan) -> NDArray[Any]:
    """Images [N, h, w, …] in rows of `columns`, a gap of `fill` between them."""
    count, height, width, *colours = images.shape
    gap = max(1, height // 10)
    rows = -(-count // columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, *colours)
    canvas = np.full(shape, fill, np.float32)
    for index, image in enumerate(images):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        canvas[top : top + height, left : left + width] = image
    return canvas


def _stretched(maps: NDArray[Any]) -> NDArray[Any]:
    """Every map, scaled from its lowest to its highest value."""
    low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    stretched: NDArray[Any] = (maps - low) / np.where(high > low, high - low, 1)
    return stretched


def _columns(count: int) -> int:
    return int(np.ceil(count**0.5))


def _row(figure: Figure, count: int) -> list[Axes]:
    return [bare(axes) for axes in figure.subplots(1, count, squeeze=False)[0]]
