"""What each figure shows, in words; `{placeholders}` are filled from the study's settings."""

from dataclasses import dataclass

from landscape.config.study import Study
from landscape.report.captions_network_study import TEXTS


@dataclass(frozen=True)
class Caption:
    title: str
    text: str


_BAND = (
    "Each band runs from the lowest to the highest of the runs with learning rates "
    "{learning_rates}, which start from the same weights and see the same mini-batches. "
    "Solid: median over seeds, {smoothing}; pale: every seed as measured, one value per step. "
    "Where a run diverged it leaves the band, and a dotted line says how many remain."
)
_PROBE = (
    "Each band runs from the lowest to the highest value over the step sizes η = {band_step_sizes} "
    "times the learning rate {probe_rate}, on the mini-batch that gave the gradient g, every "
    "{every} steps. Solid: median over seeds, {probe_smoothing}; pale: every seed. "
    "Left: step 0, before any training, as measured, one bar per seed."
)

CAPTIONS: dict[str, Caption] = {
    "bench": Caption(
        "Speed",
        "Top: training steps per second, median and quartiles over rounds in which all took turns. "
        "The plain loop is a DataLoader with PIL transforms that reads loss and gradients at each "
        "step; bare is forward, backward and update on one batch that stays; unmeasured, bands and "
        "probe are ours without and with the measures. Bottom: how long a step takes by the width "
        "and the batch size, and the dry run of a study by its runs (log scales).",
    ),
    "overview": Caption(
        "The loss in both studies",
        "Mini-batch loss (log scale) by training step. Left: from the lowest to the highest of the "
        "learning rates {learning_rates}. Right: from the lowest to the highest over steps of "
        "{band_step_sizes} times the learning rate {probe_rate} along the gradient. Solid: median "
        "over seeds; pale: every seed.",
    ),
    "samples": Caption(
        "Training images", "The first ten training images of each class, one row per class."
    ),
    "training_curves": Caption(
        "Training",
        "Loss (top, log scale) and accuracy (bottom) by epoch (left) and by second of training "
        "(right). Colour is the architecture, line style the learning rate; lines are medians over "
        "seeds, thin lines single seeds, nothing is smoothed. A star is the test accuracy of one "
        "run, read once, at its end; a diverged run has none.",
    ),
    "loss_landscape": Caption(
        "Loss over learning rates",
        "Mini-batch loss (log scale) by training step. On a log scale a band that sits lower "
        "looks wider; the table gives the widths in nats. " + _BAND,
    ),
    "gradient_predictiveness": Caption(
        "Gradient predictiveness",
        "L2 distance between the gradients of consecutive steps (log scale), over all parameters "
        "(left) and over those of the output layer alone (right). The two gradients come from "
        "different mini-batches, so the distance mixes mini-batch noise with curvature; "
        "the probe figures do not. " + _BAND,
    ),
    "beta_smoothness": Caption(
        "Effective β-smoothness",
        "Change of the gradient over the distance moved by the optimizer (log scale). A low value "
        "is a smooth loss; the value depends on the scale of the weights, see the discussion. "
        + _BAND,
    ),
    "probe_loss": Caption(
        "Loss along the gradient",
        "Loss after a step of size η along the negative gradient (log scale). " + _PROBE,
    ),
    "probe_gradient": Caption(
        "Gradient along the gradient",
        "Distance (top, log scale) and cosine (bottom) between the gradient after the step and the "
        "gradient before it. A small distance and a cosine near 1 mean that the gradient predicts "
        "what lies ahead. " + _PROBE,
    ),
    "probe_beta": Caption(
        "Effective β along the gradient",
        "Change of the gradient per distance moved (log scale). Where the gradient changes by "
        "its own length within the step, as one that vanishes does, β is 1/η whatever the "
        "curvature; the next figure separates the step sizes. " + _PROBE,
    ),
    "probe_beta_heatmap": Caption(
        "Effective β by step size",
        "β(η) by step size (rows, relative to the learning rate {probe_rate}) and training step, "
        "geometric mean over seeds, one log colour scale for all panels, not smoothed. The rows "
        "of small steps show curvature; from about 1/η on β says that the gradient was left "
        "behind.",
    ),
    **{name: Caption(title, text) for name, (title, text) in TEXTS.items()},
}


def filled(name: str, study: Study) -> Caption:
    """The caption of a figure with the settings of this study in it."""
    caption = CAPTIONS[name]
    smoothing = study.figures.smoothing_steps
    window = smoothing // study.probe.every
    values = {
        "learning_rates": _listed(study.bands.learning_rates),
        "smoothing": _smoothing(smoothing, smoothing),
        "probe_smoothing": _smoothing(window, window * study.probe.every),
        "band_step_sizes": _listed(study.probe.band_step_sizes),
        "probe_rate": f"{study.probe.learning_rate:g}",
        "every": f"{study.probe.every:,}",
        "insight_images": _insight_images(study),
    }
    return Caption(caption.title, caption.text.format_map(values))


def _insight_images(study: Study) -> str:
    insight = study.network.insight if study.network else None
    return f"{insight.images:,}" if insight else ""


def _smoothing(window: int, steps: int) -> str:
    if window <= 1:
        return "not smoothed"
    return f"smoothed by a centred running median over {steps:,} steps (the first value stays raw)"


def _listed(values: tuple[float, ...]) -> str:
    *most, last = [f"{value:g}" for value in sorted(values)]
    return f"{', '.join(most)} and {last}" if most else last
