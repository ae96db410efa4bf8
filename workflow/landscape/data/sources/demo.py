"""Generated images: small coloured shapes and textures in ten classes, always the same.

Only the shape depends on the class: position, size, angle and colours are random, a small disc
covers part of the image, and noise is added. The shapes are large and clear, so a narrow network
learns them in some hundred steps, once it leaves the plateau of guessing.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landscape.data import preparation

CLASS_NAMES = (
    "disc",
    "ring",
    "square",
    "frame",
    "triangle",
    "cross",
    "bar",
    "stripes",
    "checks",
    "dots",
)
TRAIN_IMAGES = 4_000
TEST_IMAGES = 1_000
SEED = 0
SIDE = 32  # pixels
RADII = (10.0, 14.0)  # pixels, of the shape that decides the class
CONTRAST = 100.0  # least difference per channel, of 255, between shape and background
CLUTTER = 1  # small discs per image, over everything
NOISE = 8.0  # standard deviation, of 255

Float = NDArray[np.float32]
# Pixels use only operations that IEEE 754 rounds exactly (no sine, no exponential), so every
# machine generates the same bytes.


def prepare(folder: Path) -> None:
    """Write the demo set into `folder`."""
    generator = np.random.default_rng(SEED)
    preparation.write(
        folder,
        images(TRAIN_IMAGES, generator),
        images(TEST_IMAGES, generator),
        {
            "source": "demo",
            "name": "demo shapes",
            "origin": None,
            "official_pixels": False,
            "files": [],
            "class_names": list(CLASS_NAMES),
        },
    )


def images(
    count: int, generator: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """`count` images uint8 [N, 3, 32, 32] and their labels [N], each class equally often."""
    labels = generator.permutation(np.arange(count) % len(CLASS_NAMES))
    u, v = _local_coordinates(count, generator)
    form = _form(labels, u, v, generator)
    background, colour = _colours(count, generator)
    canvas = np.where(form[:, None], colour, background)
    for _ in range(CLUTTER):
        _disc(canvas, generator)
    canvas += NOISE * generator.standard_normal(canvas.shape, dtype=np.float32)
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8), labels.astype(np.int64)


def _uniform(generator: np.random.Generator, low: float, high: float, *shape: int) -> Float:
    return low + (high - low) * generator.random(shape, dtype=np.float32)


def _grid() -> tuple[Float, Float]:
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    return x, y


def _local_coordinates(count: int, generator: np.random.Generator) -> tuple[Float, Float]:
    """Coordinates [N, 32, 32] in which the shape is centred, upright and of radius 1."""
    x, y = _grid()
    radius = _uniform(generator, *RADII, count, 1, 1)
    reach = SIDE / 2 - radius * np.float32(0.8)  # the border may cut off a little of a shape
    centre = (SIDE - 1) / 2 + reach * _uniform(generator, -1, 1, 2, count, 1, 1)
    across = generator.standard_normal((2, count, 1, 1), dtype=np.float32)
    cosine, sine = across / np.sqrt(across[0] ** 2 + across[1] ** 2)
    x, y = x - centre[0], y - centre[1]
    return (cosine * x + sine * y) / radius, (cosine * y - sine * x) / radius


def _form(labels: NDArray[Any], u: Float, v: Float, generator: np.random.Generator) -> NDArray[Any]:
    """The mask [N, 32, 32] of the shape of each image's class, in its local coordinates."""
    square = np.maximum(abs(u), abs(v))
    disc = u * u + v * v
    rounded = generator.random((len(labels), 1, 1)) < 0.5
    window = np.where(rounded, disc < 1, square < 0.9)  # textures have both outlines
    cells = np.floor(2.5 * u), np.floor(2.5 * v)
    in_cell = 2.5 * u - cells[0] - 0.5, 2.5 * v - cells[1] - 0.5
    forms = (
        disc < 0.9,
        (disc < 1) & (disc > 0.4),
        square < 0.85,
        (square < 0.9) & (square > 0.55),
        (v > -0.6) & (v + np.float32(1.75) * abs(u) < 1),
        (np.minimum(abs(u), abs(v)) < 0.28) & (square < 1),
        (abs(v) < 0.3) & (abs(u) < 1.1),
        window & (cells[1] % 2 == 0),
        window & ((cells[0] + cells[1]) % 2 == 0),
        window & (in_cell[0] ** 2 + in_cell[1] ** 2 < 0.11),
    )
    drawn = np.zeros(u.shape, dtype=bool)
    for label, form in enumerate(forms):
        drawn |= form & (labels == label)[:, None, None]
    return drawn


def _colours(count: int, generator: np.random.Generator) -> tuple[Float, Float]:
    """A background [N, 3, 32, 32] with a slope, and a contrasting colour [N, 3, 1, 1]."""
    x, y = _grid()
    base = _uniform(generator, 0, 255, count, 3, 1, 1)
    slope = _uniform(generator, -2, 2, 2, count, 3, 1, 1)
    background = base + slope[0] * (x - SIDE / 2) + slope[1] * (y - SIDE / 2)
    # Shifted on the circle of the 256 values, so that it differs in every channel.
    colour = (base + _uniform(generator, CONTRAST, 255 - CONTRAST, count, 3, 1, 1)) % 255
    return background, colour


def _disc(canvas: Float, generator: np.random.Generator) -> None:
    """Paint one small disc of a random colour over each image."""
    count = len(canvas)
    x, y = _grid()
    centre = _uniform(generator, 0, SIDE, 2, count, 1, 1)
    radius = _uniform(generator, 1, 2.5, count, 1, 1)
    inside = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2
    colour = _uniform(generator, 0, 255, count, 3, 1, 1)
    np.copyto(canvas, colour, where=inside[:, None])
