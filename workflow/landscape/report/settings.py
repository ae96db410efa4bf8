"""The settings of both studies, side by side."""

from typing import Any

from landscape.config.study import Study
from landscape.notation.names import label
from landscape.notation.settings import optimizer_name


def settings(study: Study) -> dict[str, Any]:
    bands, probe = study.bands, study.probe
    body = [
        ["architectures", _names(bands.architectures), _names(probe.architectures)],
        ["width factor", f"{bands.width:g}", f"{probe.width:g}"],
        ["optimizer", *(optimizer_name(s.optimizer.model_dump()) for s in (bands, probe))],
        ["learning rates", _numbers(bands.learning_rates), f"{probe.learning_rate:g}"],
        ["seeds", _numbers(bands.seeds), _numbers(probe.seeds)],
        ["batch size", f"{bands.batch_size}", f"{probe.batch_size}"],
        ["length", f"{bands.epochs} epochs", f"{probe.steps:,} steps"],
        ["measured", "every step", f"every {probe.every:,} steps"],
        ["gradient lags (steps)", _numbers(bands.gradient_lags), ""],
        ["step sizes η (times the learning rate)", "", _numbers(probe.relative_step_sizes)],
        ["of these in the bands", "", _numbers(probe.band_step_sizes)],
        ["validation images", *[f"{study.split.validation_images:,}"] * 2],
        ["precision of training", study.precision, study.precision],
        ["augmentation", "none", "none"],
    ]
    return {"head": ["", "over learning rates", "along the gradient"], "body": body}


def _names(architectures: tuple[str, ...]) -> str:
    return ", ".join(label(name) for name in architectures)


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
