"""Sample images of each class."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from landscape.figures.style import new_figure, styled

COLUMNS = 10
GAP = 2  # pixels between images


@styled
def samples(
    pixels: NDArray[np.uint8], labels: NDArray[np.int64], class_names: Sequence[str]
) -> Figure:
    """The first ten training images of each class, one row per class; pixels are [N, 3, H, W]."""
    height, width = pixels.shape[2:]
    cell_height, cell_width = height + GAP, width + GAP
    mosaic = np.full(
        (len(class_names) * cell_height - GAP, COLUMNS * cell_width - GAP, 3), 255, np.uint8
    )
    for row in range(len(class_names)):
        for column, index in enumerate(np.flatnonzero(labels == row)[:COLUMNS]):
            top, left = row * cell_height, column * cell_width
            mosaic[top : top + height, left : left + width] = pixels[index].transpose(1, 2, 0)
    figure = new_figure(width=3.9, height=3.9 * 0.84 * mosaic.shape[0] / mosaic.shape[1])
    axes = figure.subplots()
    axes.imshow(mosaic, interpolation="nearest")
    axes.set_yticks(np.arange(len(class_names)) * cell_height + height / 2, list(class_names))
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    return figure
