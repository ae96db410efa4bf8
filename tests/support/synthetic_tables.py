"""Tables that look like those of real training, made without training: for figures and report."""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import save_file

from landscape.figures import style
from landscape.storage.files import write_json
from landscape.storage.tables import write_table
from landscape.tables.headline import summarize

ARCHITECTURES = ("vgg_a", "vgg_a_bn")
SEEDS = (0, 1)
RATES = (0.0001, 0.0005, 0.001, 0.002)
STEPS = 200
EVERY = 20
RELATIVE = (0.015625, 0.0625, 0.25, 0.5, 1.0, 2.0, 4.0)
BAND = (0.5, 1.0, 2.0, 4.0)
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
DIVERGED_AT = 120  # of vgg_a, seed 0, at the largest learning rate

# Means over seeds of (vgg_a, vgg_a_bn); the other numbers of a row follow from these.
BANDS_SUMMARY = {
    "loss_band_width": (0.842, 0.355),
    "loss_band_width_late": (0.517, 0.148),
    "gradient_distance_mean": (1.93, 2.71),
    "output_gradient_distance_mean": (0.713, 0.402),
    "beta_mean": (11.7, 19.3),
    "beta_maximum": (964.0, 487.0),
    "final_train_loss_lowest": (0.0314, 0.0128),
    "test_accuracy_best": (0.763, 0.812),
    "test_accuracy_worst": (0.694, 0.787),
    "diverged_runs": (0.0, 0.0),
}
PROBE_SUMMARY = {
    "loss_range_mean": (3.14, 0.476),
    "loss_range_first": (0.0219, 1.67),
    "gradient_distance_mean": (4.26, 0.893),
    "gradient_distance_first": (0.117, 3.35),
    "cosine_distance_mean": (0.911, 0.467),
    "beta_maximum_mean": (33.6, 19.1),
    "beta_maximum_first": (2.87, 18.9),
    "beta_at_0.015625": (66.1, 41.7),
    "beta_at_0.0625": (58.2, 39.9),
    "beta_at_0.25": (44.3, 31.8),
    "beta_at_0.5": (29.4, 19.2),
    "beta_at_1": (21.7, 9.93),
    "beta_at_2": (12.6, 4.98),
    "beta_at_4": (8.41, 2.49),
    "test_accuracy": (0.748, 0.803),
    "final_loss": (0.0513, 0.00462),
}


def _generator(*key: Any) -> np.random.Generator:
    return np.random.default_rng(np.frombuffer(repr(key).encode(), np.uint8))


def _loss(arch: str, rate: float, seed: int, steps: int) -> np.ndarray:
    random = _generator("loss", arch, rate, seed)
    time = np.arange(steps) / steps
    speed = {"vgg_a": 4.0, "vgg_a_bn": 6.0}.get(arch, 5.0) * (rate / 0.001) ** 0.15
    noise = {"vgg_a": 0.5, "vgg_a_bn": 0.25}.get(arch, 0.3)
    start = 2.35 if arch == "vgg_a" else 2.6
    loss = start * np.exp(-speed * time) * np.exp(noise * random.normal(size=steps) * time**0.5)
    spikes = random.random(steps) < 0.002 * rate / 0.001
    return np.where(spikes, loss * random.lognormal(2, 1, steps), loss) + 1e-3


def bands(
    architectures: Sequence[str] = ARCHITECTURES,
    seeds: Iterable[int] = SEEDS,
    steps: int = STEPS,
    diverged: bool = False,
) -> pd.DataFrame:
    """bands.parquet: minimum and maximum over the learning rates."""
    parts = []
    for arch in architectures:
        for seed in seeds:
            loss = np.stack([_loss(arch, rate, seed, steps) for rate in RATES])
            gone = diverged and arch == "vgg_a" and seed == 0
            runs = np.full(steps, len(RATES))
            if gone:
                loss[-1, DIVERGED_AT:] = np.nan
                runs[DIVERGED_AT:] -= 1
            random = _generator("bands", arch, seed)
            scale = loss**0.5 * random.lognormal(0, 0.2, loss.shape)
            quantities = {
                "loss": loss,
                "gradient_distance": 2 * scale,
                "output_gradient_distance": 0.5 * scale,
                "beta": scale / np.array(RATES)[:, None] / 10,
            }
            for measure, values in quantities.items():
                low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
                if measure != "loss":
                    low[0] = high[0] = np.nan
                parts.append(
                    pd.DataFrame(
                        {
                            "arch": arch,
                            "seed": seed,
                            "measure": measure,
                            "step": np.arange(steps),
                            "minimum": low,
                            "maximum": high,
                            "runs": runs,
                        }
                    )
                )
    return pd.concat(parts, ignore_index=True)


def epochs(
    architectures: Sequence[str] = ARCHITECTURES,
    seeds: Iterable[int] = SEEDS,
    count: int = 20,
    validation: bool = False,
) -> pd.DataFrame:
    rows = []
    for arch in architectures:
        for rate in RATES:
            for seed in seeds:
                losses = _loss(arch, rate, seed, 50 * count).reshape(count, 50).mean(axis=1)
                for epoch, loss in enumerate(losses, start=1):
                    rows.append(
                        {
                            "arch": arch,
                            "learning_rate": rate,
                            "seed": seed,
                            "epoch": epoch,
                            "train_loss": loss,
                            "train_accuracy": float(np.exp(-0.9 * loss)),
                            "validation_accuracy": 0.8 * np.exp(-0.9 * loss)
                            if validation
                            else None,
                            "seconds": epoch * (3.1 if arch == "vgg_a" else 3.9),
                        }
                    )
    return pd.DataFrame(rows)


def runs(
    study: str = "bands",
    architectures: Sequence[str] = ARCHITECTURES,
    seeds: Iterable[int] = SEEDS,
    steps: int = STEPS,
    diverged: bool = False,
) -> pd.DataFrame:
    rows = []
    for arch in architectures:
        for rate in RATES if study == "bands" else (0.1,):
            for seed in seeds:
                gone = diverged and (arch, rate, seed) == ("vgg_a", RATES[-1], 0)
                random = _generator("runs", study, arch, rate, seed)
                seconds = float(60 + 20 * random.random())
                rows.append(
                    {
                        "study": study,
                        "arch": arch,
                        "width": 1.0,
                        "learning_rate": rate,
                        "seed": seed,
                        "optimizer": "adam" if study == "bands" else "sgd",
                        "batch_size": 128,
                        "steps": steps,
                        "status": "diverged" if gone else "completed",
                        "diverged_at_step": DIVERGED_AT if gone else None,
                        "parameters": 9_750_922 if arch == "vgg_a" else 9_758_474,
                        "test_accuracy": None if gone else 0.74 + 0.06 * random.random(),
                        "test_loss": None if gone else 0.9 + 0.1 * random.random(),
                        "train_seconds": seconds,
                        "total_seconds": seconds + 4.5,
                        "device": "NVIDIA H100 80GB HBM3",
                        "precision": "float32",
                        "threads": 4,
                        "torch": "2.10.0",
                        "python": "3.11.2",
                        "git_commit": "0123456789abcdef0123456789abcdef01234567",
                        "finished": f"2026-03-0{1 + seed}",
                    }
                )
    return pd.DataFrame(rows)


def summary(
    means: dict[str, tuple[float, ...]],
    architectures: Sequence[str] = ARCHITECTURES,
    seeds: Iterable[int] = SEEDS,
    within: dict[str, tuple[float, float]] | None = None,
) -> pd.DataFrame:
    """A summary table of these means, every seed near them.

    `within` are intervals of ratios within the runs; without them there are none.
    """
    every = list(seeds)
    rows = [
        {"measure": measure, "arch": arch, "seed": seed, "value": value}
        for measure, values in means.items()
        for place, arch in enumerate(architectures)
        for seed, value in zip(
            every, _samples(measure, arch, values[place % len(values)], len(every)), strict=True
        )
    ]
    table = summarize(pd.DataFrame(rows), architectures)
    for measure, limits in (within or {}).items():
        chosen = table["measure"] == measure
        table.loc[chosen, ["ratio_within_low", "ratio_within_high"]] = limits
    return table


def _samples(measure: str, arch: str, mean: float, count: int) -> np.ndarray:
    wobble = _generator("summary", measure, arch).normal(size=count)
    wobble -= wobble.mean()
    return mean * (1 + 0.01 * wobble)


def probe(
    architectures: Sequence[str] = ARCHITECTURES,
    seeds: Iterable[int] = SEEDS,
    steps: int = STEPS,
    every: int = EVERY,
) -> pd.DataFrame:
    """probe.parquet: every step size at every probed step."""
    rows = []
    for arch in architectures:
        for seed in seeds:
            random = _generator("probe", arch, seed)
            curvature = 60.0 if arch == "vgg_a" else 40.0
            for step in range(0, steps, every):
                origin = 2.3 * np.exp(-4 * step / steps)
                norm = origin**0.5 * random.lognormal(0, 0.2)
                here = curvature * random.lognormal(0, 0.3)
                if step == 0:
                    here = 2.0 if arch == "vgg_a" else 90.0
                for size in RELATIVE:
                    eta = 0.1 * size
                    beta = here / (1 + here * eta) * random.lognormal(0, 0.1)
                    rows.append(
                        {
                            "arch": arch,
                            "seed": seed,
                            "step": step,
                            "step_size": eta,
                            "relative_step_size": size,
                            "loss": origin * (1 + 0.02 * beta * eta) + 0.002 * size,
                            "loss_at_origin": origin,
                            "gradient_norm": norm,
                            "gradient_distance": beta * eta * norm,
                            "gradient_cosine": 1 / (1 + beta * eta),
                            "beta": beta,
                            "gradient_norm_there": norm * abs(1 - beta * eta),
                            "hg_over_g": here,
                            "kappa": 0.9 * here,
                            "smooth_distance": here * eta * norm,
                            "rest_distance": abs(here - beta) * eta * norm + 1e-6,
                            "relu_flips": 0.05 * size**0.5,
                            "pool_flips": 0.1 * size**0.5,
                        }
                    )
    return pd.DataFrame(rows)


def probe_bands(table: pd.DataFrame) -> pd.DataFrame:
    """probe/bands.parquet: minimum and maximum over the band's step sizes."""
    part = table[table["relative_step_size"].isin(BAND)]
    long = part.melt(
        id_vars=["arch", "seed", "step"],
        value_vars=["loss", "gradient_distance", "gradient_cosine", "beta"],
        var_name="measure",
    )
    grouped = long.groupby(["arch", "seed", "measure", "step"])["value"]
    return grouped.agg(minimum="min", maximum="max", runs="count").reset_index()


def blank_figures(folder: Path, names: Iterable[str]) -> None:
    """Every figure as an empty page: tests of the report do not look at them."""
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    blank = folder / "figures/blank"
    style.save(style.new_figure(height=1), blank.with_suffix(".png"), blank.with_suffix(".pdf"))
    for name in names:
        for suffix in (".png", ".pdf"):
            shutil.copy(blank.with_suffix(suffix), folder / f"figures/{name}{suffix}")


def dataset() -> dict[str, Any]:
    return {
        "source": "parquet",
        "name": "CIFAR-10, pixels re-encoded as JPEG quality 75",
        "official_pixels": False,
        "train_images": 50_000,
        "test_images": 10_000,
        "class_names": CLASSES,
        "sha256": {"train.safetensors": "a" * 64, "test.safetensors": "b" * 64},
        "files": [{"name": "train-00000-of-00001.parquet", "sha256": "c" * 64, "bytes": 119705255}],
    }


def write_results(
    folder: Path,
    architectures: Sequence[str] = ARCHITECTURES,
    seeds: Sequence[int] = SEEDS,
    steps: int = STEPS,
    every: int = EVERY,
    diverged: bool = False,
    validation: bool = False,
    **changed: tuple[float, ...],
) -> Path:
    """Everything that figures and report read, below `folder`; figures are not drawn.

    `changed` are means of measures, in both studies, instead of those above.
    """
    names, table = tuple(architectures), probe(architectures, seeds, steps, every)
    bands_means, probe_means = (
        {**means, **{key: value for key, value in changed.items() if key in means}}
        for means in (BANDS_SUMMARY, PROBE_SUMMARY)
    )
    if diverged:
        bands_means["diverged_runs"] = (1.0, 0.0)
    write_table(folder / "bands/bands.parquet", bands(names, seeds, steps, diverged))
    write_table(folder / "bands/epochs.csv", epochs(names, seeds, validation=validation))
    write_table(folder / "bands/runs.csv", runs("bands", names, seeds, steps, diverged))
    write_table(folder / "bands/summary.csv", summary(bands_means, names, seeds))
    write_table(folder / "probe/probe.parquet", table)
    write_table(folder / "probe/bands.parquet", probe_bands(table))
    write_table(folder / "probe/runs.csv", runs("probe", names, seeds, steps))
    write_table(folder / "probe/summary.csv", summary(probe_means, names, seeds))
    write_json(folder / "data/dataset.json", dataset())
    random = _generator("pixels")
    labels = np.repeat(np.arange(10), 12)
    pixels = random.integers(0, 256, (120, 3, 1, 1)) + random.integers(-20, 20, (120, 3, 32, 32))
    tensors = {"pixels": np.clip(pixels, 0, 255).astype(np.uint8), "labels": labels}
    save_file(tensors, folder / "data/train.safetensors")
    return folder


def bench() -> dict:
    """A bench.json as `python -m landscape bench` writes it, of a machine that never was."""

    def row(kind: str, plain: float) -> dict:
        spread = {"median": plain, "low": 0.95 * plain, "high": 1.05 * plain}
        return {
            "architecture": "vgg_a",
            "kind": kind,
            "precision": "float32",
            "batch_size": 128,
            "steps_per_second": spread,
            "times_plain": spread,
            "share_of_bare": spread,
            "measuring_cost": spread,
            "flops_per_second": 1e11,
            "share_of_ceiling": 0.5,
            "seconds_per_step": [1 / plain],
        }

    return {
        "machine": {"device": "a machine", "threads": 2, "cores": 2, "torch": "2.x"},
        "ceilings": {"float32_flops_per_second": 2e11, "copied_bytes_per_second": 1e10},
        "speed": [row("plain loop", 1.0), row("bands", 2.0)],
        "startup": {"import torch": 2.0, "first step": 1.0},
        "help_seconds": 0.1,
        "sharing": [{"way": "processes", "runs": 1, "steps_per_second": 2.0}],
        "growth": [
            {"grows": what, "size": size, "seconds_per_step": size, "memory_mb": 100.0}
            for what in ("width", "batch_size", "images")
            for size in (0.5, 1.0)
        ],
        "dry_runs": [{"runs": n, "seconds": n / 200, "memory_mb": 100.0} for n in (20, 2000)],
        "stale_figure": None,
    }


def surface(architectures: Sequence[str] = ARCHITECTURES, points: int = 5) -> pd.DataFrame:
    """network/surface.parquet: a bowl for each architecture, each deeper than the one before."""
    x, y = (axis.ravel() for axis in np.meshgrid(*[np.linspace(-1, 1, points)] * 2))
    parts = [
        pd.DataFrame(
            {
                "run": f"bands/{arch}/lr0.001/seed0",
                "arch": arch,
                "seed": 0,
                "x": x,
                "y": y,
                "loss": 2.0**-place + x**2 + 2 * y**2,
            }
        )
        for place, arch in enumerate(architectures)
    ]
    return pd.concat(parts, ignore_index=True)
