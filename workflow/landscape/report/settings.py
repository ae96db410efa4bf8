"""The settings of `bands` and `probe`, side by side."""

from typing import Any

from landscape.config.study import Study
from landscape.notation.names import label
from landscape.notation.settings import optimizer_name


def settings(study: Study) -> dict[str, Any]:
    """A row per setting, and a column per study that is not left out."""
    columns = {"over learning rates": _bands(study), "along the gradient": _probe(study)}
    columns = {name: column for name, column in columns.items() if column}
    shared = {
        "validation images": f"{study.split.validation_images:,}",
        "precision of training": study.precision,
        "augmentation": "none",
    }
    rows = dict.fromkeys(key for column in columns.values() for key in column)
    body = [[key, *(column.get(key, "") for column in columns.values())] for key in rows]
    body += [[key, *[value] * len(columns)] for key, value in shared.items()]
    return {"head": ["", *columns], "body": body}


def _bands(study: Study) -> dict[str, str]:
    if (bands := study.bands) is None:
        return {}
    return {
        "architectures": _names(bands.architectures),
        "width factor": f"{bands.width:g}",
        "optimizer": optimizer_name(bands.optimizer.model_dump()),
        "learning rates": _numbers(bands.learning_rates),
        "seeds": _numbers(bands.seeds),
        "batch size": f"{bands.batch_size}",
        "length": f"{bands.epochs} epochs",
        "measured": "every step",
        "gradient lags (steps)": _numbers(bands.gradient_lags),
    }


def _probe(study: Study) -> dict[str, str]:
    if (probe := study.probe) is None:
        return {}
    return {
        "architectures": _names(probe.architectures),
        "width factor": f"{probe.width:g}",
        "optimizer": optimizer_name(probe.optimizer.model_dump()),
        "learning rates": f"{probe.learning_rate:g}",
        "seeds": _numbers(probe.seeds),
        "batch size": f"{probe.batch_size}",
        "length": f"{probe.steps:,} steps",
        "measured": f"every {probe.every:,} steps",
        "step sizes η (times the learning rate)": _numbers(probe.relative_step_sizes),
        "of these in the bands": _numbers(probe.band_step_sizes),
    }


def _names(architectures: tuple[str, ...]) -> str:
    return ", ".join(label(name) for name in architectures)


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
