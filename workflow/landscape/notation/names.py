"""What networks and measures are called."""

from landscape.notation.units import times_rate

LABELS = {
    "vgg_a": "VGG-A",
    "vgg_a_bn": "VGG-A + BatchNorm",
    "vgg_a_ln": "VGG-A + LayerNorm",
    "vgg_a_gn": "VGG-A + GroupNorm",
    "vgg_a_in": "VGG-A + InstanceNorm",
    "vgg_a_bn_fc": "VGG-A + BatchNorm, head too",
    "vgg_a_he": "VGG-A, He",
    "vgg_a_smooth": "VGG-A, smooth",
    "vgg_a_bn_smooth": "VGG-A + BatchNorm, smooth",
    "vgg_a_bn_fc_smooth": "VGG-A + BatchNorm, head too, smooth",
    "vgg_a_he_smooth": "VGG-A, He, smooth",
    "vgg_19": "VGG-19",
    "vgg_19_bn_fc": "VGG-19 + BatchNorm, head too",
    "accurate": "accurate",
    "fast": "fast",
    "narrow": "narrow",
    "compact": "compact",
    "speedrun": "airbench94 design",
    "resnet18": "ResNet-18",
    "convnet": "base network",
    "mlp": "fully connected",
    "plain": "plain tensors",
}


def label(architecture: str) -> str:
    return LABELS.get(architecture, architecture)


def final_name(level: str, family: str) -> str:
    """A final network by its name in the configuration, or its family's where that is the same."""
    return label(family) if level == family else level


def ordered(architectures: "set[str]") -> list[str]:
    """Architectures in the fixed order of `LABELS`, unknown ones after them by name."""
    known = list(LABELS)
    return sorted(architectures, key=lambda a: (known.index(a) if a in known else len(known), a))


MEASURES: dict[str, tuple[str, str]] = {  # label, unit
    "loss_band_width": ("width of the loss band, mean over steps without divergence", "nats"),
    "loss_band_width_late": ("width of the loss band, last tenth of the steps", "nats"),
    "gradient_distance_mean": ("gradient distance, mean", ""),
    "gradient_distance_first": ("gradient distance at step 0", ""),
    "output_gradient_distance_mean": ("gradient distance of the output layer, mean", ""),
    "gradient_distance_late": ("gradient distance, last tenth of the steps", ""),
    "cosine_distance_mean": ("1 − cosine of the gradients, maximum over step sizes, mean", ""),
    "beta_mean": ("β, mean", ""),
    "beta_maximum": ("β, maximum", ""),
    "beta_maximum_mean": ("β, maximum over step sizes, mean", ""),
    "beta_maximum_late": ("β, maximum over step sizes, last tenth of the steps", ""),
    "beta_maximum_first": ("β, maximum over step sizes, at step 0", ""),
    "scaled_beta_mean": ("β·‖θ‖², mean", ""),
    "scaled_beta_maximum_mean": ("β·‖θ‖², maximum over step sizes, mean", ""),
    "loss_range_mean": ("loss range over step sizes, mean", "nats"),
    "loss_range_late": ("loss range over step sizes, last tenth of the steps", "nats"),
    "loss_range_first": ("loss range over step sizes at step 0", "nats"),
    "final_train_loss_lowest": ("final training loss, lowest of the learning rates", "nats"),
    "final_loss": ("mini-batch loss, last tenth of the steps", "nats"),
    "test_accuracy": ("test accuracy", "%"),
    "test_accuracy_best": ("test accuracy, best learning rate", "%"),
    "test_accuracy_worst": ("test accuracy, worst learning rate", "%"),
    "diverged_runs": ("diverged runs", ""),
}


BETA_AT = "beta_at_"


def measure_name(measure: str) -> str:
    """What a measure is called; an unknown one keeps its name."""
    if measure in MEASURES:
        return MEASURES[measure][0]
    size = step_size(measure)
    return measure if size is None else f"β at η = {times_rate(size)}, mean"


def step_size(measure: str) -> float | None:
    try:
        return float(measure.removeprefix(BETA_AT)) if measure.startswith(BETA_AT) else None
    except ValueError:
        return None
