"""The batches that networks see: shapes, value ranges, class counts, and a grid of images."""

from pathlib import Path

from landscape.data import dataset
from landscape.data.batches import get_cifar_loader
from landscape.figures import samples, style


def overview(data: Path, batch_size: int, output: Path) -> tuple[Path, Path]:
    """Print both parts of the data and one batch; draw a grid of sample images to `output`.

    Returns the two files that were written, PNG and PDF.
    """
    description = dataset.describe(data)
    names = description["class_names"]
    print(f"{description['name']} (sha256 {description['sha256'][:12]}…)")
    for train in (True, False):
        loader = get_cifar_loader(data, batch_size, train)
        inputs, labels = next(iter(loader))
        counts = loader.labels.bincount(minlength=len(names)).tolist()
        print(
            f"{'train' if train else 'test'}: {len(loader.labels)} images in {len(loader)} batches"
        )
        low, high = inputs.min(), inputs.max()
        print(f"  inputs {tuple(inputs.shape)} {inputs.dtype}, {low:.3f} to {high:.3f}")
        print(f"  labels {tuple(labels.shape)} {labels.dtype}, {labels.min()} to {labels.max()}")
        counted = zip(names, counts, strict=True)
        print("  " + ", ".join(f"{name} {count}" for name, count in counted))
    images = dataset.load(data, "train")
    figure = samples.samples(images.pixels.numpy(), images.labels.numpy(), names)
    files = output.with_suffix(".png"), output.with_suffix(".pdf")
    style.save(figure, *files)
    return files
