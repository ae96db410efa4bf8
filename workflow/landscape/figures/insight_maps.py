"""What networks see: filters, feature maps, attributions and mistakes, as pictures."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from landscape.figures.colors import HEATMAP
from landscape.figures.inspected import Arrays, Info, Inspected, inspected
from landscape.figures.style import WIDTH, new_figure, styled

DIVERGING = "RdBu_r"
SMALL = 7.5  # points, of the words beside single images


@styled
def insight_filters(arrays: Arrays, info: Info) -> Figure:
    """The first layer of every network: filters in colour, grey where a weight is zero."""
    networks = inspected(arrays, info)
    shown = [network.array("filters") for network in networks]
    tallest = max(
        -(-len(filters) // _columns(len(filters))) / _columns(len(filters)) for filters in shown
    )
    side = min(2.4, WIDTH / len(networks))  # inches of a panel
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


@styled
def insight_features(arrays: Arrays, info: Info) -> Figure:
    """One image and what a few convolutions make of it: a row per network, a block per layer."""
    networks = inspected(arrays, info)
    figure = new_figure(height=0.3 + 1.28 * len(networks))
    grid = figure.subplots(len(networks), 4, squeeze=False, width_ratios=[0.9, 2, 2, 2])
    image = arrays["attributed_images"][0].transpose(1, 2, 0)
    for row, network in zip(grid, networks, strict=True):
        for axes in row:
            _bare(axes)
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


@styled
def insight_attribution(arrays: Arrays, info: Info) -> Figure:
    """Images, and what in them speaks for their class: Grad-CAM, integrated gradients."""
    networks = inspected(arrays, info)
    images, labels = arrays["attributed_images"], arrays["attributed_labels"]
    names = info["class_names"]
    cell = min(1.1, 6.5 / (1 + 2 * len(networks)))
    figure = new_figure(height=0.75 + len(images) * (cell + 0.2))
    parts: Any = figure.subfigures(1, 1 + len(networks), width_ratios=[1, *[2] * len(networks)])
    lines = 1 + max(network.title.count("\n") for network in networks)
    parts[0].suptitle("\n" * (lines - 1) + " ", size=9)
    first = parts[0].subplots(len(images), 1, squeeze=False)[:, 0]
    for axes, image, kind in zip(first, images, labels, strict=True):
        _bare(axes).imshow(image.transpose(1, 2, 0), interpolation="nearest")
        axes.set_title(names[kind], size=SMALL)
    first[-1].set_xlabel("image", size=SMALL)
    for part, network in zip(parts[1:], networks, strict=True):
        title = network.title + "\n" * (lines - 1 - network.title.count("\n"))
        part.suptitle(title, size=9, color=network.color)
        rows = part.subplots(len(images), 2, squeeze=False)
        _attributions(rows, images, network, names)
    return figure


def _attributions(
    rows: NDArray[Any], images: NDArray[Any], network: Inspected, names: list[str]
) -> None:
    predicted = network.column("attributed", "predicted")
    confidence = network.column("attributed", "confidence")
    gradients = network.array("integrated_gradients")
    for (left, right), image, kind, sure in zip(rows, images, predicted, confidence, strict=True):
        _bare(left).imshow(image.mean(0), cmap="gray", vmin=0, vmax=255)
        left.set_title(f"{names[kind]} {100 * sure:.0f} %", size=SMALL, loc="left")
        _bare(right)
    height, width = images.shape[2:]
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    if network.has("grad_cam"):
        for axes, places in zip(rows[:, 0], network.array("grad_cam"), strict=True):
            axes.imshow(
                places,
                extent=extent,
                cmap=HEATMAP,
                alpha=0.6,
                vmin=0,
                vmax=places.max() or 1,
                interpolation="bilinear",
            )
    for axes, values in zip(rows[:, 1], gradients, strict=True):
        limit = np.percentile(np.abs(values), 99) or 1
        axes.imshow(values, cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest")
    rows[-1][0].set_xlabel("Grad-CAM" if network.has("grad_cam") else "no Grad-CAM", size=SMALL)
    rows[-1][1].set_xlabel("IG", size=SMALL)


@styled
def insight_mistakes(arrays: Arrays, info: Info) -> Figure:
    """The misclassified test images that each network is most confident of, a row per network."""
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
            _bare(axes)
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
    """Every map from its lowest to its highest value."""
    low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    stretched: NDArray[Any] = (maps - low) / np.where(high > low, high - low, 1)
    return stretched


def _columns(count: int) -> int:
    return int(np.ceil(count**0.5))


def _row(figure: Figure, count: int) -> list[Axes]:
    return [_bare(axes) for axes in figure.subplots(1, count, squeeze=False)[0]]


def _bare(axes: Axes) -> Axes:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    axes.patch.set_visible(False)  # it would hide the words of a neighbour
    axes.spines[:].set_visible(False)
    return axes
