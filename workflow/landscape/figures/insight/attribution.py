"""Pixels that are evidence for a class, for each image and network."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from landscape.figures.colors import HEATMAP
from landscape.figures.insight.inspected import Arrays, Info, Inspected, inspected, of_networks
from landscape.figures.insight.panels import SMALL, bare
from landscape.figures.style import new_figure

DIVERGING = "RdBu_r"


@of_networks
def insight_attribution(arrays: Arrays, info: Info) -> Figure:
    """Images, and the evidence in them for their class: Grad-CAM, integrated gradients."""
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
        bare(axes).imshow(image.transpose(1, 2, 0), interpolation="nearest")
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
        bare(left).imshow(image.mean(0), cmap="gray", vmin=0, vmax=255)
        left.set_title(f"{names[kind]} {100 * sure:.0f} %", size=SMALL, loc="left")
        bare(right)
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
