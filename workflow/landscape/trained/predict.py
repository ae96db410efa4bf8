"""Classification of a user's own pictures by a trained network."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import nn

from landscape.data import dataset
from landscape.data.batches import normalized
from landscape.data.cifar10 import CLASSES
from landscape.errors import UserError
from landscape.measure.accuracy import EVALUATION_BATCH
from landscape.storage.files import read_json
from landscape.trained import load
from landscape.trained.evaluate import data_of, folder_of

SIDE = 32
SHOWN = 3  # classes for each picture


def predict(weights: Path, pictures: Sequence[Path], data: Path | None) -> None:
    """Print the most likely classes of each picture; unreadable pictures are named at the end.

    `data` has the class names of older runs, whose run.json has none; by default the data in the
    results folder of the weights.
    """
    folder = folder_of(weights)
    run, network = load.load(folder)
    names = _class_names(folder, data or data_of(folder, run))
    read: list[Path] = []
    squares: list[torch.Tensor] = []
    mistakes: list[str] = []
    for path in pictures:
        try:
            squares.append(square(path))
            read.append(path)
        except UserError as error:
            mistakes.append(f"  {error}")
    if squares:
        for line in _lines(read, probabilities(network, torch.stack(squares)), names):
            print(line)
    if mistakes:
        counted = f"{len(mistakes)} of {len(pictures)} pictures"
        raise UserError("\n".join([f"{counted} could not be classified:", *mistakes]))


def probabilities(network: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    """softmax(logits) [N, C] of pixels uint8 [N, 3, 32, 32]; not calibrated."""
    with torch.no_grad():
        parts = torch.split(pixels, EVALUATION_BATCH)
        logits = [network(normalized(part)) for part in parts]
    return torch.cat(logits).softmax(1)


def square(path: Path) -> torch.Tensor:
    """The middle of the picture as the network's input: uint8 [3, 32, 32] in RGB.

    Rotated according to EXIF, put on white if transparent, cut to a square, and resized with
    antialiasing.
    """
    _require_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # below the limit
            with Image.open(path) as image:
                upright = _opaque(ImageOps.exif_transpose(image))
        small = ImageOps.fit(upright, (SIDE, SIDE), Image.Resampling.BICUBIC)
        return torch.from_numpy(np.array(small)).permute(2, 0, 1)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except UnidentifiedImageError:
        raise UserError(
            f"{path}: must be a picture in a format that Pillow opens, such as JPEG, PNG or WebP"
        ) from None
    except Image.DecompressionBombError as error:
        raise UserError(f"{path}: too many pixels to be opened safely ({error})") from None
    except Exception as error:  # the decoder of each format has its own exceptions
        reason = getattr(error, "strerror", None) or error  # without "[Errno 13]"
        raise UserError(f"{path}: not readable as a picture ({reason})") from None


def _require_file(path: Path) -> None:
    """Refuse paths for which Pillow's message would not help."""
    if path.parts[:1] in (("http:",), ("https:",), ("ftp:",), ("file:",)):
        address = str(path).replace(":/", "://", 1)
        raise UserError(f"{address}: must be a file on this machine; download the picture first")
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name the pictures in it, for example {path}/*.jpg")
    if path.is_file() and not path.stat().st_size:
        raise UserError(f"{path}: is empty")


def _opaque(image: Image.Image) -> Image.Image:
    """The picture in RGB, over white; 16-bit greys are scaled: Pillow would cut them off at 255."""
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers of no agreed range")
    if image.mode.startswith("I"):
        greys = np.asarray(image).astype(np.float64).clip(0, 65535) / 257
        return Image.fromarray(np.rint(greys).astype(np.uint8)).convert("RGB")
    if image.mode.lower().endswith("a") or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")


def _class_names(folder: Path, data: Path | None) -> list[str]:
    """The class names of the run; for older runs, from the file of the same data."""
    path = folder / "run.json"
    run = read_json(path)
    names = run.get("class_names")
    if names is None:
        path, described = _same_data(path, run, data)
        names = described["class_names"]
    named = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not named or len(names) != CLASSES:
        raise UserError(f"{path}: class_names must be {CLASSES} names, not {names!r:.200}")
    return list(names)


def _same_data(path: Path, run: dict[str, Any], data: Path | None) -> tuple[Path, dict[str, Any]]:
    """dataset.json of the data that a run was trained on, and its content."""
    if data is not None and (data / "dataset.json").exists():
        described = dataset.describe(data)
        if described["sha256"] == run.get("data"):
            return data / "dataset.json", described
    raise UserError(
        f"{path}: has no class_names (an older run), and its training data are not there "
        "to name them; give --results, the results folder of these data"
    )


def _lines(pictures: Sequence[Path], shares: torch.Tensor, names: Sequence[str]) -> Iterator[str]:
    """A picture's name and its most likely classes, in columns."""
    first, second = (max(map(len, column)) for column in (map(str, pictures), names))
    for picture, (values, places) in zip(
        pictures, zip(*shares.topk(SHOWN), strict=True), strict=True
    ):
        seen = "  ".join(
            f"{names[int(place)]:<{second}} {100 * float(value):5.1f} %"
            for value, place in zip(values, places, strict=True)
        )
        yield f"{str(picture):<{first}}  {seen}"
