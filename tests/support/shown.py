"""A figure read back as a reader reads it: words, colours, titles and ticks."""

import numpy as np
from matplotlib.colors import to_hex, to_rgb


def named_colors(figure):
    """{colour: text} of the legend's patches and lines; each text has a colour of its own."""
    found = {}
    legend = figure.legends[0]
    for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
        face = getattr(handle, "get_facecolor", None)
        color = face() if face else handle.get_color()
        found.setdefault(hexed(color), text.get_text())
    return found


def hexed(color):
    return to_hex(to_rgb(color if isinstance(color, str) else np.ravel(color)))


def bars(axes):
    """{(x, colour): (low, high)} of all vertical error bars."""
    found = {}
    for collection in axes.collections:
        for path in collection.get_paths():
            (x, low), (other, high) = path.vertices
            if x == other:
                found[x, hexed(collection.get_color()[0])] = (low, high)
    return found


def spans(axes):
    """{y: (left, right)} of all horizontal error bars."""
    found = {}
    for collection in axes.collections:
        for path in collection.get_paths():
            if len(path.vertices) == 2 and path.vertices[0, 1] == path.vertices[1, 1]:
                found[path.vertices[0, 1]] = (path.vertices[0, 0], path.vertices[1, 0])
    return found


def band_of(axes, color):
    """{x: (low, high)} of the darkest filled band of a colour."""
    filled = [c for c in axes.collections if hexed(c.get_facecolor()[0]) == color]
    darkest = max(filled, key=lambda c: c.get_alpha())
    found = {}
    for x, y in darkest.get_paths()[0].vertices:
        low, high = found.get(x, (y, y))
        found[x] = (min(low, y), max(high, y))
    return found


def ticks(axis):
    """[(place, text)] as they stand along an axis."""
    return [(tick.get_loc(), tick.label1.get_text()) for tick in axis.get_major_ticks()]
