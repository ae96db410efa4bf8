"""Captions of the figures; `{placeholders}` are filled from the study's settings."""

from dataclasses import dataclass

from landscape.config.bands import Bands
from landscape.config.probe import Probe
from landscape.config.study import Study
from landscape.report.captions_network_study import TEXTS, TUNED


@dataclass(frozen=True)
class Caption:
    title: str
    text: str


_SEEDS = "Solid: median over seeds, {smoothing}; pale: every seed, one value per step. "
_BAND = "{band} " + _SEEDS
_ABOUT_BAND = (
    "Runs of one seed start from the same weights and see the same mini-batches. A run that "
    "diverges leaves the band, and a dotted line gives the number of remaining runs. A low band "
    "looks wide on a log scale; the table gives widths in nats. The band shows the sensitivity to "
    "the learning rate, at different weights and losses, and not the landscape at one point."
)
_PROBE = (
    "{probe_band}, every {every} steps. Left: step 0, one bar per seed. Solid: median over seeds, "
    "{probe_smoothing}; pale: every seed."
)

CAPTIONS: dict[str, Caption] = {
    "bench": Caption(
        "Speed",
        "Top: training steps per second, median and quartiles over rounds in which all contenders "
        "took turns. Plain loop: a DataLoader with PIL transforms that reads loss and gradients at "
        "each step; bare: forward, backward and update on one fixed batch; unmeasured, bands, "
        "probe: this project without and with its measures. Bottom: seconds per step by width and "
        "by batch size, and seconds of a study's dry run by its number of runs (log scales).",
    ),
    "overview": Caption(
        "The loss in both studies",
        "Mini-batch loss (log scale) by training step. Left: over learning rates. {band} Right: "
        "along the gradient. {probe_band}. Solid: median over seeds; pale: every seed.",
    ),
    "samples": Caption(
        "Training images", "The first ten training images of each class, one row per class."
    ),
    "training_curves": Caption(
        "Training",
        "Loss (top, log scale) and accuracy (bottom) by epoch (left) and by second of training "
        "(right). Colour: architecture; line style: learning rate. Thick lines: medians over "
        "seeds; thin lines: single seeds; not smoothed. Stars: test accuracy of a run, measured "
        "once at its end; a diverged run has none.",
    ),
    "loss_landscape": Caption(
        "Loss over learning rates",
        "Mini-batch loss (log scale) by training step. " + _BAND + "{about_band}",
    ),
    "gradient_predictiveness": Caption(
        "Distance between consecutive gradients",
        "L2 distance between the gradients of consecutive steps (log scale), over all parameters "
        "(left) and over those of the output layer (right). " + _BAND + "The two gradients come "
        "from different mini-batches: the distance mixes mini-batch noise with curvature.",
    ),
    "beta_smoothness": Caption(
        "Effective β between consecutive steps",
        "Change of the gradient divided by the distance moved by the optimizer (log scale). "
        + _BAND
        + "This β is mostly mini-batch noise: the gradients come from different mini-batches. At "
        "equal noise it is inversely proportional to the learning rate, so the upper edge usually "
        "belongs to the smallest rate. It also depends on the scale of the weights.",
    ),
    "probe_loss": Caption(
        "Loss along the gradient",
        "Loss on the same mini-batch after a step of size η along its negative gradient (log "
        "scale). " + _PROBE,
    ),
    "probe_gradient": Caption(
        "Gradient along the gradient",
        "Distance (top, log scale) and cosine (bottom) between the gradients after and before the "
        "step, on the same mini-batch. A small distance and a cosine near 1 mean that the gradient "
        "stays valid over the step. " + _PROBE,
    ),
    "probe_beta": Caption(
        "Effective β along the gradient",
        "Change of the gradient divided by the distance moved, on the same mini-batch (log scale). "
        "If the gradient all but vanishes within the step, β is 1/η whatever the curvature. "
        + _PROBE,
    ),
    "probe_beta_heatmap": Caption(
        "Effective β by step size",
        "β(η) by step size (rows, relative to the learning rate {probe_rate}) and training step; "
        "geometric mean over seeds, one log colour scale, not smoothed. Small steps do not isolate "
        "curvature: with ReLU and max pooling, β grows about like 1/√η as the step shrinks, until "
        "the step crosses no kink.",
    ),
    "probe_parts": Caption(
        "Curvature and kinks",
        "Left: the change of the gradient divided by its norm, by step size: the part that the "
        "Hessian before the step predicts (solid) and the rest (dashed). Right: the shares of ReLU "
        "signs and max-pooling winners that the step flips. Medians over steps and seeds, "
        "quartiles shaded. The rest comes from kinks and higher derivatives.",
    ),
    "mechanism_sharpness": Caption(
        "Curvature against 2/lr",
        "Solid: largest eigenvalue of the Hessian on the curvature batch, in training mode. "
        "Dashed: gᵀHg/‖g‖² of training mini-batches, mean of four. Top: by step; bottom: the same "
        "moments by loss, which falls to the right. Gradient descent is stable along an "
        "eigenvector if its eigenvalue is below 2/lr (dotted), where full-batch descent comes to "
        "hover (Cohen et al. 2021). One line per seed, log scale; not smoothed.",
    ),
    "mechanism_spectrum": Caption(
        "Spectra of the Hessian",
        "Density of the eigenvalues by stochastic Lanczos quadrature at the start, early and at "
        "the end, with the curvature batch's statistics, log scale, one seed. Each kernel is a "
        "hundredth of the spectrum wide. The trace is by Hutchinson's method, with its standard "
        "error over random vectors. The horizontal scales of the networks differ.",
    ),
    "mechanism_range": Caption(
        "The range of learning rates that train",
        "Short runs of SGD. A bar joins the smallest and largest learning rate at which, with any "
        "seed, the final loss is below 95 % of that of guessing. Hollow diamonds, for official "
        "pixels only: of 0.0001, 0.003 and 0.1, the largest rate that trains a ResNet-110 of "
        "Bjorck et al. (2018) without and with BatchNorm.",
    ),
    "mechanism_controls": Caption(
        "Controls",
        "Mini-batch loss, averaged over a hundredth of the steps (log scale), one line per seed. "
        "Each panel compares the network of its title with VGG-A and VGG-A + BatchNorm; the last "
        "has these two at the smaller learning rate. Losses above 10 nats are not drawn.",
    ),
    **{name: Caption(title, text) for name, (title, text) in TEXTS.items()},
}


def filled(name: str, study: Study) -> Caption:
    """The caption of a figure that this study has, with its settings in it."""
    caption = CAPTIONS[name]
    steps = study.figures.smoothing_steps
    values = {"smoothing": smoothing(steps, steps)}
    if study.bands:
        values["band"] = rates_sentence(study.bands)
        values["about_band"] = _ABOUT_BAND if len(study.bands.learning_rates) > 1 else ""
    if study.probe:
        window = steps // study.probe.every
        values |= {
            "probe_band": steps_sentence(study.probe),
            "probe_rate": f"{study.probe.learning_rate:g}",
            "probe_smoothing": smoothing(window, window * study.probe.every),
            "every": f"{study.probe.every:,}",
        }
    if study.network:
        values["tuned"] = TUNED if study.network.is_tuned else ""
    if study.network and study.network.insight:
        values["insight_images"] = f"{study.network.insight.images:,}"
    return Caption(caption.title, caption.text.format_map(values))


def rates_sentence(bands: Bands) -> str:
    rates = listed_numbers(bands.learning_rates)
    if len(bands.learning_rates) == 1:
        return f"One learning rate, {rates}, has no band: one line per architecture."
    return f"The band extends from the lowest to the highest value over the learning rates {rates}."


def steps_sentence(probe: Probe) -> str:
    numbers = listed_numbers(probe.band_step_sizes)
    sizes = f"{numbers} times the learning rate {probe.learning_rate:g}"
    if len(probe.band_step_sizes) == 1:
        return f"One step size, {sizes}, has no band: one line per architecture"
    return f"The band extends from the lowest to the highest value over steps of {sizes}"


def smoothing(window: int, steps: int) -> str:
    """How curves are smoothed: over `window` recorded values, which span `steps` steps."""
    if window <= 1:
        return "not smoothed"
    return f"smoothed by a running median over {steps:,} steps (step 0 as measured)"


def listed_numbers(values: tuple[float, ...]) -> str:
    """0.1, 0.2 and 0.4."""
    *most, last = [f"{value:g}" for value in sorted(values)]
    return f"{', '.join(most)} and {last}" if most else last
