"""Predictions on the test images: confusion, calibration, accuracy by class."""

from typing import Any

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from landscape.errors import UserError
from landscape.figures.insight.inspected import Arrays, Info, inspected, of_networks
from landscape.figures.insight.panels import ACROSS, SMALL, legend, panels, rows_of
from landscape.figures.style import WIDTH, new_figure

CELLS = "Blues"
DARK = 0.55  # of the colour scale: above it, numbers in a cell are white


@of_networks
def insight_confusion(arrays: Arrays, info: Info) -> Figure:
    """Percentage of each class's images (row) that are classified as each class (column)."""
    networks = inspected(arrays, info)
    names = info["class_names"]
    width = WIDTH if len(networks) > 2 else 2.6 * len(networks) + 1.0
    figure = new_figure(width=width, height=0.6 + 2.35 * rows_of(networks))
    norm = PowerNorm(0.5, 0, 100)  # makes errors of a few per cent visible
    grid = panels(figure, networks)
    for place, (axes, network) in enumerate(zip(grid, networks, strict=True)):
        counts = network.number("confusion").astype(np.float64)
        if not (counts.sum(axis=1) > 0).all():
            raise UserError(f"{network.run}: confusion must have images of every class")
        shares = 100 * counts / counts.sum(axis=1, keepdims=True)
        image = axes.imshow(shares, norm=norm, cmap=CELLS)
        for (row, column), share in np.ndenumerate(shares):
            if share > 0.5:
                tint = "white" if norm(share) > DARK else "black"
                axes.text(
                    column, row, f"{share:.0f}", ha="center", va="center", size=SMALL, color=tint
                )
        axes.set_title(network.title, color=network.color)
        axes.set_xticks(range(len(names)), names, rotation=90, size=SMALL)
        axes.set_yticks(range(len(names)), names if place % ACROSS == 0 else [], size=SMALL)
        axes.tick_params(length=0)
        axes.grid(False)
        axes.set_xlabel("called")
        if place % ACROSS == 0:
            axes.set_ylabel("is")
    bar = figure.colorbar(image, ax=grid, label="% of the class", fraction=0.03, pad=0.02)
    bar.set_ticks([0, 1, 5, 10, 25, 50, 100])
    return figure


@of_networks
def insight_calibration(arrays: Arrays, info: Info) -> Figure:
    """Reliability diagrams: accuracy by confidence, and below the distribution of confidence."""
    networks = inspected(arrays, info)
    figure = new_figure(height=2.9 if len(networks) > 2 else 3.8)
    grid = figure.subplots(
        2, len(networks), sharex=True, sharey="row", squeeze=False, height_ratios=[3, 1]
    )
    for (upper, lower), network in zip(grid.T, networks, strict=True):
        low, high = network.column("reliability", "low"), network.column("reliability", "high")
        accuracy = 100 * network.column("reliability", "accuracy")
        images = network.column("reliability", "images")
        width = 100 * (high - low)
        upper.plot([0, 100], [0, 100], color="black", lw=0.8, ls="--")
        error = 100 * float(network.number("calibration_error"))
        bars: dict[str, Any] = {
            "align": "edge",
            "color": network.color,
            "edgecolor": "white",
            "linewidth": 0.4,
        }
        upper.bar(100 * low, accuracy, width, label=f"ECE {error:.1f} %", alpha=0.75, **bars)
        upper.plot(
            100 * network.column("reliability", "confidence"), accuracy, "o", color="black", ms=2.5
        )
        upper.legend(loc="upper left", handlelength=1)
        upper.set_title(network.title, color=network.color)
        lower.bar(100 * low, 100 * images / images.sum(), width, **bars)
        lower.set_xlabel("confidence (%)")
        lower.set_xticks([25, 50, 75])
        upper.set_yticks([0, 25, 50, 75, 100])
        upper.set_ylim(0, 122)  # room for the legend
        upper.set_xlim(0, 100)
    grid[0][0].set_ylabel("accuracy (%)")
    grid[1][0].set_ylabel("images (%)")
    return figure


@of_networks
def insight_classes(arrays: Arrays, info: Info) -> Figure:
    """Accuracy on the test images of each class: a marker per network, and a line for the mean."""
    networks = inspected(arrays, info)
    names = info["class_names"]
    figure = new_figure(height=3.6)
    axes = figure.subplots()
    for place, network in enumerate(networks):
        offset = 0.55 * ((place + 0.5) / len(networks) - 0.5)
        axes.plot(
            100 * network.number("class_accuracy"),
            np.arange(len(names)) + offset,
            network.marker,
            color=network.color,
            ms=4.5,
        )
        axes.axvline(
            100 * float(network.number("accuracy")), color=network.color, ls=network.line, lw=1
        )
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("test accuracy (%)")
    legend(figure, networks)
    return figure
