"""What the study cannot say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Scale:
    """What decides how large a study is."""

    train_images: int
    epochs: int
    steps: int
    bands_width: float
    probe_width: float


CHANCE = 20  # one of so many 95 % intervals misses its value
FULL = Scale(train_images=50_000, epochs=20, steps=15_000, bands_width=1.0, probe_width=1.0)


def by_chance(of: str, decided: int | None = None) -> list[str]:
    """What many intervals mean together."""
    number = "" if decided is None else f"{decided} "
    return [
        f"Of the {number}{of} with a 95 % interval about one in {CHANCE} has an interval that "
        "excludes its true value by chance."
    ]


def limitations(scale: Scale, dataset: Mapping[str, Any], seeds: int, count: int) -> list[str]:
    """What this study cannot say; `seeds`: the fewer of the two studies, `count`: architectures."""
    said = []
    if dataset["official_pixels"] is False:
        said.append(
            f"The images are not the official pixels of CIFAR-10 but: {dataset['name']}. "
            "Accuracies do not compare with published ones."
        )
    elif dataset["official_pixels"] is None:
        said.append(
            f"The images ({dataset['name']}) were stored without loss, but nothing proves that "
            "they are the official pixels of CIFAR-10."
        )
    words = {
        "train_images": "training images",
        "epochs": "epochs over learning rates",
        "steps": "steps along the gradient",
        "bands_width": "times the width over learning rates",
        "probe_width": "times the width along the gradient",
    }
    shorter = [
        f"{getattr(scale, key):,g} {text} (full study: {getattr(FULL, key):,g})"
        for key, text in words.items()
        if getattr(scale, key) != getattr(FULL, key)
    ]
    if shorter:
        said.append(f"The study is not at full size: {'; '.join(shorter)}.")
    if seeds < 3:
        said.append(
            "At least one of the two studies has a single seed: how much runs of the same setting "
            "differ is unknown there."
            if seeds == 1
            else "There are only two seeds, so the intervals are wide."
        )
    if seeds > 1 and count > 1:
        said += by_chance("ratios")
    if count == 1:
        said.append("Only one architecture was trained, so nothing is compared.")
    said.append(
        "One family of networks, one data set, no augmentation: other depths and tasks may differ. "
        "PyHessian (Yao et al. 2020, arXiv:1912.07145) finds from Hessian spectra that BatchNorm "
        "does not always smooth the loss of shallow networks."
    )
    said.append(
        "All measures are along the path of training or along one gradient; they do not bound the "
        "curvature in other directions."
    )
    return said
