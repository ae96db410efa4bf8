"""The limits of the study, in paragraphs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from landscape.config.study import Study
from landscape.notation.numbers import number
from landscape.report.phrases import capital, listed, several
from landscape.tables.published import comparable
from landscape.tables.statistics import ENOUGH

ONE_IN = 20  # 95 % intervals: this many, and one excludes its true value


@dataclass(frozen=True)
class Scale:
    """The size of the studies; None for one that is left out."""

    train_images: int
    epochs: int | None
    steps: int | None
    bands_width: float | None
    probe_width: float | None


FULL = Scale(train_images=50_000, epochs=20, steps=15_000, bands_width=1.0, probe_width=1.0)


def by_chance(count: int, things: str) -> str:
    """How many of many intervals are wrong."""
    return (
        f"{count} {things} have a 95 % interval; by chance, about one such interval in {ONE_IN} "
        "excludes its true value."
    )


def limitations(
    scale: Scale, dataset: Mapping[str, Any], study: Study, intervals: int
) -> list[str]:
    """Paragraphs; `intervals` is the number of ratios that have an interval over seeds."""
    said = [*_data(dataset), *_size(scale), *_seeds(study, intervals), *_paper(study)]
    if study.precision != "float32":
        carried = "gradients over learning rates include its rounding" if study.bands else ""
        exact = "measurements along the gradient use float32" if study.probe else ""
        rounding = "; ".join(filter(None, [carried, exact]))
        said.append(
            f"Training used {study.precision} arithmetic."
            + (f" {capital(rounding)}." if rounding else "")
        )
    said.append(
        "The study has one family of networks and one data set, without augmentation; other depths "
        "and tasks may differ. PyHessian (Yao et al. 2020) finds, from Hessian spectra, that "
        "BatchNorm does not always smooth the loss of shallow networks. All measures are taken "
        "along the path of training or along one gradient and do not bound the curvature in other "
        "directions."
    )
    return said


def _data(dataset: Mapping[str, Any]) -> list[str]:
    if dataset["official_pixels"]:
        return []
    if dataset["source"] == "demo":
        return [
            "The images are generated simple shapes. The report illustrates the method; it is no "
            "evidence about CIFAR-10."
        ]
    if comparable(dataset):
        return [
            f"The images are {dataset['name']}. Accuracies can be compared with published ones, "
            "except for the images that are not official."
        ]
    if dataset["official_pixels"] is False:
        return [
            f"The images are {dataset['name']}, and not the official pixels. Accuracies cannot be "
            "compared with published ones."
        ]
    return [
        f"The images ({dataset['name']}) were stored without loss, but nothing proves that they "
        "are the official pixels of CIFAR-10."
    ]


def _size(scale: Scale) -> list[str]:
    words = {
        "train_images": "training images",
        "epochs": "epochs over learning rates",
        "steps": "steps along the gradient",
        "bands_width": "times the width over learning rates",
        "probe_width": "times the width along the gradient",
    }
    shorter = [
        f"{getattr(scale, key):,g} {text} (full: {getattr(FULL, key):,g})"
        for key, text in words.items()
        if getattr(scale, key) is not None and getattr(scale, key) < getattr(FULL, key)
    ]
    return [f"The study is smaller than the full one: {listed(shorter)}."] if shorter else []


def _seeds(study: Study, intervals: int) -> list[str]:
    parts = {"over learning rates": study.bands, "along the gradient": study.probe}
    seeds = {where: len(part.seeds) for where, part in parts.items() if part}
    said = []
    few = {where: count for where, count in seeds.items() if count < ENOUGH}
    if few:
        each = listed([f"{several(count, 'seed')} {where}" for where, count in few.items()])
        said.append(
            f"With {each}, there are too few seeds for an interval, so run-to-run variation is "
            "unknown. An interval within the runs only says how much a mean over steps depends on "
            "which steps it averages."
        )
    if intervals:
        said.append(by_chance(intervals, "ratios"))
    if seeds and all(len(part.architectures) == 1 for part in parts.values() if part):
        said.append("Only one architecture was trained, so nothing is compared.")
    return [" ".join(said)] if said else []


def _paper(study: Study) -> list[str]:
    section = study.probe or study.bands
    if section is None:
        return []
    decay = section.optimizer.weight_decay
    own = f"a weight decay of {number(decay)}" if decay else "no weight decay"
    return [
        "The study differs from Santurkar et al. (2018) in four points. VGG-A has eleven layers "
        "with weights; the paper's network is consistent with VGG-19 (sixteen convolutions). The "
        f"loss here has {own}; the paper's losses are consistent with an L2 term of about "
        "3.9 × 10⁻⁴. BatchNorm follows only the convolutions; in the paper, the classifier has it "
        "too. The paper gives only the name of its initialization, so it may differ."
    ]
