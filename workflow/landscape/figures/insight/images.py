"""Images by class, in a plane, and disturbed, as the networks see them."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from landscape.figures.insight.inspected import Arrays, Info, inspected, of_networks
from landscape.figures.insight.panels import legend, panels, rows_of
from landscape.figures.style import new_figure

# Ten classes that every reader can tell apart: Okabe and Ito's colours twice, with two markers.
CLASS_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000")
CLASS_MARKERS = ("o", "^")
CORRUPTIONS = {
    "noise": "Gaussian noise\n(σ, of 255)",
    "blur": "Gaussian blur\n(σ, pixels)",
    "shift": "shift\n(pixels)",
    "jpeg": "JPEG\n(quality)",
}


@of_networks
def insight_embedding(arrays: Arrays, info: Info) -> Figure:
    """The last layer's inputs on their first two principal components, by class."""
    networks = inspected(arrays, info)
    names, labels = info["class_names"], arrays["embedding_labels"]
    figure = new_figure(height=0.7 + 2.35 * rows_of(networks))
    styles: list[dict[str, Any]] = [
        {
            "marker": CLASS_MARKERS[kind // len(CLASS_COLORS) % len(CLASS_MARKERS)],
            "color": CLASS_COLORS[kind % len(CLASS_COLORS)],
            "lw": 0,
        }
        for kind in range(len(names))
    ]
    for axes, network in zip(panels(figure, networks), networks, strict=True):
        points, shares = network.array("embedding"), network.number("embedding_variance")
        for kind, style in enumerate(styles):
            part = points[labels == kind]
            axes.plot(part[:, 0], part[:, 1], ms=3, alpha=0.6, mew=0, rasterized=True, **style)
        axes.set_title(network.title, color=network.color)
        axes.set_xlabel(f"component 1 ({100 * shares[0]:.0f} %)")
        axes.set_ylabel(f"component 2 ({100 * shares[1]:.0f} %)")
    handles = [
        Line2D([], [], label=name, ms=5, **style) for name, style in zip(names, styles, strict=True)
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=5)
    return figure


@of_networks
def insight_robustness(arrays: Arrays, info: Info) -> Figure:
    """Accuracy on disturbed test images by the amount of each disturbance."""
    networks = inspected(arrays, info)
    figure = new_figure(height=2.9)
    row = figure.subplots(1, len(CORRUPTIONS), sharey=True)
    for axes, (kind, name) in zip(row, CORRUPTIONS.items(), strict=True):
        for network in networks:
            chosen = network.column("robustness", "kind") == kind
            axes.plot(
                network.column("robustness", "severity")[chosen],
                100 * network.column("robustness", "accuracy")[chosen],
                color=network.color,
                ls=network.line,
                marker=network.marker,
                ms=3.5,
            )
        amounts = network.column("robustness", "amount")[chosen]
        ticks = ["none" if amount is None else f"{amount:g}" for amount in amounts]
        axes.set_xticks(range(len(ticks)), ticks)
        axes.set_xlabel(name)
    row[0].set_ylabel("accuracy (%)")
    row[0].set_ylim(0, 100)
    legend(figure, networks)
    return figure
