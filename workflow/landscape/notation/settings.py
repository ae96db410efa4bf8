"""Settings of the configuration in words."""

from collections.abc import Mapping
from typing import Any

OPTIMIZERS = {
    "sgd": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
    "our_sgd": "our SGD",
    "our_adamw": "our AdamW",
    "muon": "our Muon",
}
WORDS = {  # for keys that replacing underscores does not turn into words
    "name": "",
    "newton_schulz_steps": "Newton–Schulz steps",
    "vector_learning_rate": "learning rate of vectors",
    "head_learning_rate": "learning rate of the head",
    "vector_momentum": "momentum of vectors",
    "fixed_norm": "weights of fixed norm",
    "sharpness_radius": "radius of SAM",
    "l1": "L1 penalty",
    "focusing": "focusing of the focal loss",
    "average_decay": "decay of the weight average",
    "test_time_augmentation": "six views of a test image",
    "small_images": "small images",
    "squeeze_excitation": "squeeze-excitation",
}
VALUES = {
    **OPTIMIZERS,
    "leaky_relu": "leaky ReLU",
    "relu": "ReLU",
    "elu": "ELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "cross_entropy": "cross-entropy",
    "squared_error": "squared error",
    "convnet": "base network",
    "mlp": "fully connected",
    "speedrun": "airbench94 design",
    "resnet18": "ResNet-18",
}
NOT_USED = "–"


def setting_name(key: str) -> str:
    """A key in words; empty for `name`, which is the value of its section."""
    return WORDS.get(key, key.replace("_", " "))


def setting_value(value: Any) -> str:
    if value is None:
        return NOT_USED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    return VALUES.get(text, text.replace("_", " "))


def level_name(level: str) -> str:
    """A level of a sweep in words; a user's own name stays as it is."""
    return VALUES.get(level, level.replace("_", " "))


def optimizer_name(optimizer: Mapping[str, Any]) -> str:
    """An optimizer with its settings that are on: SGD, momentum 0.9, Nesterov."""
    keys = ("momentum", "weight_decay", "sharpness_radius")
    extra = [f"{setting_name(key)} {optimizer[key]:g}" for key in keys if optimizer[key]]
    if optimizer["nesterov"]:
        extra.append("Nesterov")
    return ", ".join([OPTIMIZERS[optimizer["name"]], *extra])
