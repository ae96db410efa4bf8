"""Accuracy on disturbed images, by kind of disturbance and by severity."""

import io
import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch.nn.functional import pad
from torchvision.transforms.functional import gaussian_blur

from landscape.data.batches import Batches
from landscape.data.dataset import Images
from landscape.measure.accuracy import evaluate
from landscape.models.network import Network
from landscape.runtime.randomness import generator

SEED = 0
BATCH = 500
DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))  # directions of a shift: down and right

# Amounts of severity 1, 2, …; severity 0 is the undisturbed image.
AMOUNTS: dict[str, tuple[float, ...]] = {
    "noise": (8, 16, 32, 64),
    "blur": (0.5, 1, 1.5, 2),
    "shift": (1, 2, 4, 8),
    "jpeg": (75, 50, 25, 10),
}


def noise(pixels: torch.Tensor, deviation: float) -> torch.Tensor:
    """Gaussian noise of this standard deviation, of 255, on every value: one draw, scaled."""
    drawn = torch.empty(pixels.shape).normal_(generator=generator(SEED, "noise"))
    return (pixels.float() + deviation * drawn).round().clamp(0, 255).to(torch.uint8)


def blur(pixels: torch.Tensor, sigma: float) -> torch.Tensor:
    """Convolved with a Gaussian of `sigma` pixels, cut at 3 sigma, the border reflected."""
    side = 2 * math.ceil(3 * sigma) + 1
    blurred: torch.Tensor = gaussian_blur(pixels, [side, side], [sigma, sigma])
    return blurred


def shift(pixels: torch.Tensor, distance: float) -> torch.Tensor:
    """Moved by `distance` pixels in a random one of four directions; reflected border."""
    d, (height, width) = int(distance), pixels.shape[2:]
    padded = pad(pixels.float(), (d, d, d, d), mode="reflect").to(torch.uint8)
    drawn = torch.randint(len(DIRECTIONS), (len(pixels),), generator=generator(SEED, "shift"))
    moved = torch.empty_like(pixels)
    for index, (down, right) in enumerate(DIRECTIONS):
        top, left = d - d * down, d - d * right
        chosen = drawn == index
        moved[chosen] = padded[chosen, :, top : top + height, left : left + width]
    return moved


def jpeg(pixels: torch.Tensor, quality: float) -> torch.Tensor:
    """Saved as JPEG of this quality with Pillow, and read again."""
    read = np.empty(pixels.permute(0, 2, 3, 1).shape, np.uint8)
    for index, image in enumerate(pixels.permute(0, 2, 3, 1).contiguous().numpy()):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=int(quality))
        read[index] = np.asarray(Image.open(buffer))
    return torch.from_numpy(read).permute(0, 3, 1, 2).contiguous()


CORRUPTIONS: dict[str, Callable[[torch.Tensor, float], torch.Tensor]] = {
    "noise": noise,
    "blur": blur,
    "shift": shift,
    "jpeg": jpeg,
}


def disturbed(images: Images) -> dict[tuple[str, int], Images]:
    """`images` by (kind, severity from 1 on): made once, for all networks."""
    return {
        (kind, severity): Images(CORRUPTIONS[kind](images.pixels, amount), images.labels)
        for kind, amounts in AMOUNTS.items()
        for severity, amount in enumerate(amounts, start=1)
    }


def robustness(
    model: Network, images: Images, variants: dict[tuple[str, int], Images], device: torch.device
) -> pd.DataFrame:
    """Rows kind, severity, amount (None for the undisturbed image) and accuracy."""

    def accuracy(of: Images) -> float:
        return evaluate(model, Batches(of, BATCH, device=device))[1]

    clean = accuracy(images)
    rows: list[tuple[str, int, float | None, float]] = []
    for kind, amounts in AMOUNTS.items():
        rows.append((kind, 0, None, clean))
        for severity, amount in enumerate(amounts, start=1):
            rows.append((kind, severity, amount, accuracy(variants[kind, severity])))
    return pd.DataFrame(rows, columns=["kind", "severity", "amount", "accuracy"])
