"""The model card of a trained network: data, accuracy, cost, limits, and how to load it."""

from pathlib import Path
from typing import Any

import pandas as pd

from landscape.notation.units import petaflops
from landscape.storage.files import read_json
from landscape.tables.statistics import share_interval

CARD = """---
license: mit
library_name: pytorch
pipeline_tag: image-classification
datasets: [cifar10]
tags: [cifar-10, batch-normalization]
---

# {name}

{parameters:,} parameters, trained on {images:,} images of {data}.

| | |
|---|---|
| test accuracy, one view | {accuracy} |
| test accuracy, six views | {views} |
| training | {steps:,} updates, {cost}, {seconds:,.0f} s on {device} in {precision} |

## Use

```python
import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor
model = torch.export.load("model.pt2").module()
pixels = pil_to_tensor(Image.open("picture.png").convert("RGB").resize((32, 32)))
probabilities = model(pixels[None])  # of {classes}
```

## Limits

Trained on 32×32 images of ten classes: any other picture is classified as one of them too, and the
probabilities are not calibrated. Accuracies are on CIFAR-10's test images{pixels}, which were read
once, after training. `model.pt2` needs the torch that wrote it ({torch}) or a newer one.
"""


def card(folder: Path, record: dict[str, Any]) -> str:
    """README.md of the network in `folder`, whose accuracy is the mean over its seeds."""
    siblings = [read_json(path) for path in sorted(folder.parent.glob("seed*/run.json"))]
    dataset = read_json(_results(folder, record) / "data/dataset.json")
    share = dataset.get("official_share")
    flops = record.get("train_flops")
    return CARD.format(
        name=record["run"]["name"] or record["run"]["architecture"]["name"],
        parameters=record["parameters"],
        images=record["train_images"],
        data=dataset["name"],
        accuracy=_accuracy(siblings, "test_accuracy"),
        views=_accuracy(siblings, "test_accuracy_augmented"),
        steps=record["steps"],
        cost="operations not counted" if flops is None else petaflops(flops),
        seconds=record["train_seconds"],
        device=record["device"],
        precision=record["precision"],
        classes=", ".join(record["class_names"]),
        pixels="" if share is None else f" ({100 * share:.2f} % with the official pixels)",
        torch=record["torch"],
    )


def _results(folder: Path, record: dict[str, Any]) -> Path:
    """The results folder of a run, from its id."""
    return folder.resolve().parents[len(Path(record["id"]).parts) - 1]


def _accuracy(records: list[dict[str, Any]], key: str) -> str:
    """Mean and 95 % interval over three seeds or more; fewer values are listed."""
    shares = pd.Series([r[key] for r in records if r.get(key) is not None], dtype=float)
    if shares.empty:
        return "not measured"
    low, high = share_interval(shares)
    if low is None or high is None:
        values = " and ".join(f"{100 * share:.2f} %" for share in shares)
        return values + (" (one seed)" if len(shares) == 1 else " (two seeds)")
    middle = f"{100 * shares.mean():.2f} % [{100 * low:.2f}, {100 * high:.2f}]"
    return f"{middle}, mean of {len(shares)} seeds with its 95 % interval"
