"""The names of networks and measures."""

from landscape.notation.measure_keys import step_size
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
    "vgg_a_init": "VGG-A, normalized once",
    "vgg_a_bn_frozen": "VGG-A + frozen BatchNorm",
    "vgg_a_bn_fixed_norm": "VGG-A + BatchNorm, fixed norms",
    "vgg_a_bn_noise": "VGG-A + noisy BatchNorm",
    "vgg_a_l1": "VGG-A + L1 normalization",
    "vgg_a_l2": "VGG-A + L2 normalization",
    "vgg_a_linf": "VGG-A + L∞ normalization",
    "vgg_a_ws": "VGG-A, standardized weights",
    "accurate": "accurate",
    "fast": "fast",
    "narrow": "narrow",
    "middle": "middle",
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
    """A final network's name in the configuration, or its label if that is its architecture's."""
    return label(family) if level == family else level


def ordered(architectures: "set[str]") -> list[str]:
    """Architectures in the fixed order of `LABELS`, unknown ones after them by name."""
    known = list(LABELS)
    return sorted(architectures, key=lambda a: (known.index(a) if a in known else len(known), a))


MEASURES: dict[str, tuple[str, str]] = {  # label, unit
    "loss_band_width": ("width of the loss band, mean", "nats"),
    "loss_band_width_late": ("width of the loss band, last tenth of the steps", "nats"),
    "gradient_distance_mean": ("gradient distance, mean", ""),
    "gradient_distance_first": ("gradient distance, step 0", ""),
    "gradient_distance_late": ("gradient distance, last tenth of the steps", ""),
    "output_gradient_distance_mean": ("gradient distance, output layer, mean", ""),
    "cosine_distance_mean": ("1 − cosine, largest over step sizes, mean", ""),
    "beta_mean": ("β, mean over steps and learning rates", ""),
    "same_batch_gradient_distance_mean": ("gradient distance on one mini-batch, mean", ""),
    "same_batch_beta_mean": ("β on one mini-batch, mean over steps and learning rates", ""),
    "curvature_mean": ("curvature along the gradient, ‖Hg‖/‖g‖, mean", ""),
    "beta_maximum": ("β, largest of all steps and learning rates", ""),
    "beta_maximum_mean": ("β, largest over step sizes, mean", ""),
    "beta_maximum_first": ("β, largest over step sizes, step 0", ""),
    "beta_maximum_late": ("β, largest over step sizes, last tenth of the steps", ""),
    "loss_range_mean": ("range of the loss, mean", "nats"),
    "loss_range_first": ("range of the loss, step 0", "nats"),
    "loss_range_late": ("range of the loss, last tenth of the steps", "nats"),
    "final_train_loss_lowest": ("final training loss, best learning rate", "nats"),
    "final_loss": ("mini-batch loss, last tenth of the steps", "nats"),
    "test_accuracy": ("test accuracy", "%"),
    "test_accuracy_best": ("test accuracy, best learning rate", "%"),
    "test_accuracy_worst": ("test accuracy, worst learning rate", "%"),
    "diverged_runs": ("diverged runs", ""),
}


def measure_name(measure: str) -> str:
    """A measure in words; an unknown one keeps its name."""
    if measure in MEASURES:
        return MEASURES[measure][0]
    size = step_size(measure)
    return measure if size is None else f"β at η = {times_rate(size)}, mean"
