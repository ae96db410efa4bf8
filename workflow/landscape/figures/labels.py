"""Names next to points, placed so that they cover neither a point nor each other."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation

Point = tuple[float, float]

SIZE = 8.0  # of the font, in points
MARKER = 4.0  # half the side of the square that a marker needs, in points
SPACE = 1.5  # gap between a name and anything else, in points
CROSSING = 20.0  # points²: cost of a line that crosses something else
OUTSIDE = 10.0  # cost factor of the area outside the axes
DISTANCES = (
    6.0,
    12.0,
    19.0,
    27.0,
)  # from name to point; beyond the first, with a line
DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))


class Box(NamedTuple):
    """A rectangle on the page, in points."""

    left: float
    bottom: float
    right: float
    top: float

    def padded(self, space: float) -> "Box":
        left, bottom, right, top = self
        return Box(left - space, bottom - space, right + space, top + space)

    def common(self, other: "Box") -> float:
        """The area that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(0.0, width) * max(0.0, height)

    def holds(self, point: Point) -> bool:
        return self.left <= point[0] <= self.right and self.bottom <= point[1] <= self.top


class Candidate(NamedTuple):
    """A position for a text: its point, its distance from there, and the rectangle it fills."""

    point: Point
    distance: float
    box: Box


def place_labels(
    axes: Axes, labels: Sequence[tuple[Point, str]], obstacles: Sequence[Point], color: str
) -> list[Annotation]:
    """Write each text next to its point (data coordinates), at the first free position.

    Everything else must be drawn, and the limits set, before. If no position is free, the text is
    put where it covers least. Deterministic: the same points give the same positions.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # computes the layout, so that data have positions on the page
    scale = 72 / figure.dpi  # everything below is in points
    frame = Box(*(scale * edge for edge in axes.get_window_extent().extents))
    places = [*obstacles, *(point for point, _ in labels)]
    points = [(scale * x, scale * y) for x, y in axes.transData.transform(places)]
    taken = [Box(x, y, x, y).padded(MARKER) for x, y in points]
    annotations = []
    for (place, text), point in zip(labels, points[len(obstacles) :], strict=True):
        size = _size(axes, text, scale)
        candidates = [
            Candidate(point, distance, _box(point, size, distance, direction))
            for distance in DISTANCES
            for direction in DIRECTIONS
        ]
        best = min(candidates, key=lambda candidate: _cost(candidate, taken, frame))
        taken.append(best.box)
        line = {"arrowstyle": "-", "lw": 0.4, "color": color, "shrinkA": 0}
        annotation = axes.annotate(
            text,
            place,
            xytext=(best.box.left - point[0], best.box.bottom - point[1]),
            textcoords="offset points",
            size=SIZE,
            color=color,
            va="bottom",
            arrowprops=line if best.distance > DISTANCES[0] else None,
            path_effects=[withStroke(linewidth=1.5, foreground="white")],
        )
        annotation.set_in_layout(False)
        annotations.append(annotation)
    return annotations


def _size(axes: Axes, text: str, scale: float) -> tuple[float, float]:
    """Width and height of a text, in points."""
    probe = axes.text(0, 0, text, size=SIZE)
    extent = probe.get_window_extent()
    probe.remove()
    return scale * extent.width, scale * extent.height


def _box(
    point: Point, size: tuple[float, float], distance: float, direction: tuple[int, int]
) -> Box:
    """The rectangle of a text in a direction (1: right or up, 0: centred) from its point."""
    width, height = size
    across, up = direction
    reach = distance if 0 in direction else distance * 0.7
    left = point[0] + across * reach - (width, width / 2, 0)[across + 1]
    bottom = point[1] + up * reach - (height, height / 2, 0)[up + 1]
    return Box(left, bottom, left + width, bottom + height)


def _cost(candidate: Candidate, taken: Sequence[Box], frame: Box) -> float:
    """The area that a text would cover, plus its area outside the frame, in points².

    A line to its point that crosses something else costs as much as a small overlap.
    """
    wide = candidate.box.padded(SPACE)
    covered = sum(wide.common(other) for other in taken)
    outside = wide.common(wide) - wide.common(frame)
    return covered + OUTSIDE * outside + CROSSING * _crossed(candidate, taken)


def _crossed(candidate: Candidate, taken: Sequence[Box]) -> int:
    """The points that a text's line to its point crosses, except its own."""
    if candidate.distance <= DISTANCES[0]:
        return 0
    (x, y), box = candidate.point, candidate.box
    end = min(max(x, box.left), box.right), min(max(y, box.bottom), box.top)
    along = [(x + step * (end[0] - x), y + step * (end[1] - y)) for step in (0.5, 0.75, 0.95)]
    others = [other for other in taken if not other.holds(candidate.point)]
    return sum(any(other.holds(point) for point in along) for other in others)
