"""The number of images that a configuration needs, compared with the number that there are."""

from collections.abc import Iterable

from landscape.config.runs import PlainRun, Run
from landscape.errors import UserError

# Networks, and the image side with which their last maps have one pixel.
ONE_PIXEL = {("fast", 16), ("accurate", 16)}


def require_images(runs: Iterable[Run | PlainRun], images: int) -> None:
    """Refuse runs for which `images` training images are too few, or leave too small a batch."""
    for run in runs:
        if (mistake := image_mistake(run, images)) is not None:
            raise UserError(mistake)


def image_mistake(run: Run | PlainRun, images: int) -> str | None:
    """Why a run cannot be trained on `images` training images, by its key; None if it can."""
    key = "network.split" if run.study == "network" else "split"
    chosen, held_out = run.split.train_images, run.split.validation_images
    if held_out >= images:
        return (
            f"{key}.validation_images: {held_out:,} of {images:,} training images leave none to "
            "train on"
        )
    if chosen is not None and chosen + held_out > images:
        beside = f" and {held_out:,} for validation" if held_out else ""
        return (
            f"{key}.train_images: {chosen:,}{beside} are more than the {images:,} training images"
        )
    if isinstance(run, Run):
        return _small_batch(run, images - held_out if chosen is None else chosen)
    return None


def _small_batch(run: Run, count: int) -> str | None:
    """BatchNorm has no variance over one value per channel: one image with a map of one pixel."""
    if run.small_images is None or (run.architecture.name, run.small_images.size) not in ONE_PIXEL:
        return None
    if (count - 1) % run.batch_size:
        return None
    return (
        f"{run.id}: batch_size {run.batch_size} leaves one of the {count:,} training images for a "
        f"last batch, which BatchNorm cannot normalize with small_images.size "
        f"{run.small_images.size}; choose another batch_size, size or split.train_images"
    )
