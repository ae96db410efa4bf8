"""One paragraph per question: what was measured, what came out, what it means, what it does not."""

from collections.abc import Callable
from dataclasses import dataclass

from landscape.notation.measure_keys import median_of
from landscape.notation.names import label
from landscape.report.batchnorm import endings
from landscape.report.batchnorm.course import narrower_from
from landscape.report.batchnorm.facts import Facts
from landscape.report.batchnorm.step_sizes import by_step_size, left_behind
from landscape.report.batchnorm.summary import SIDES
from landscape.report.phrases import capital, figure, listed, several, table
from landscape.report.verdicts import decide

CURVATURE = "the curvature that the gradient meets without a step, ‖Hg‖/‖g‖ with the Hessian H,"


@dataclass(frozen=True)
class Paragraph:
    name: str
    title: str
    text: str


def questions(facts: Facts) -> list[Paragraph]:
    """Every question that the study can answer, in the order of the report.

    Beside the first, each needs a study (one of those named with it) that compares networks.
    """
    every: dict[str, tuple[str, Callable[[Facts], list[str]], tuple[str, ...]]] = {
        "learning": ("Which network learns better?", _learning, ()),
        "band": ("Is the band over learning rates narrower?", _band, ("bands",)),
        "gradient": ("Is the gradient predictive?", _gradient, ("probe",)),
        "beta": ("Is β lower?", _beta, ("bands", "probe")),
        "sizes": ("Over which step sizes?", _sizes, ("probe",)),
        "course": ("From which step on?", _course, ("probe",)),
        "scale": ("On which scale?", _scale, ("probe",)),
    }
    return [
        Paragraph(name, title, " ".join(write(facts)))
        for name, (title, write, parts) in every.items()
        if (any(map(facts.compares, parts)) if parts else facts.tables)
    ]


def _learning(facts: Facts) -> list[str]:
    bands, probe = facts.study.bands, facts.study.probe
    said = []
    if bands:
        said.append(
            f"Each network was trained at {several(len(bands.learning_rates), 'learning rate')} "
            f"with {several(len(bands.seeds), 'seed')} each ({figure('training_curves')})."
        )
    if probe:
        said.append(
            f"For the study along the gradient each was trained at the learning rate "
            f"{probe.learning_rate:g} with {several(len(probe.seeds), 'seed')} ({table('probe')})."
        )
    if not any(map(facts.compares, facts.tables)):
        said.append("Only one architecture was trained, so nothing is compared.")
    best, along = "the test accuracy at the best learning rate", "along the gradient, it"
    if not bands:
        along = "the test accuracy"
    said += facts.said("bands", {"test_accuracy_best": best}, "lower", "higher")
    said += facts.said("probe", {"test_accuracy": along}, "lower", "higher")
    chance = [
        f"{SIDES[study]}, {text}"
        for study, runs in facts.runs.items()
        if (text := endings.chance_sentence(runs, facts.images, facts.classes))
    ]
    if chance:
        said.append(
            f"{capital('; '.join(chance))}. A network at chance has small landscape measures "
            "because it learned nothing, not because its landscape is smooth."
        )
    said += [text for runs in facts.runs.values() for text in endings.diverged(runs)]
    best_rates = facts.tables.get("bands", {}).get("test_accuracy_best")
    if bands and len(bands.learning_rates) > 1 and best_rates and any(best_rates.values.values()):
        said.append(
            "The best learning rate is named by test accuracy itself, which flatters it; it "
            "describes the spread, and no model was chosen by it."
        )
    return said


def _band(facts: Facts) -> list[str]:
    bands = facts.study.bands
    assert bands is not None
    if len(bands.learning_rates) == 1:
        return [
            f"One learning rate has no band: each network was trained at "
            f"{bands.learning_rates[0]:g} alone ({figure('loss_landscape')}), so that this study "
            "says nothing about how the loss depends on the learning rate."
        ]
    subjects = {
        "loss_band_width": "the width of the band, averaged over the steps,",
        "loss_band_width_late": "its width in the last tenth of the steps",
    }
    return [
        "At every training step the band runs from the lowest to the highest mini-batch loss of "
        f"the learning rates ({figure('loss_landscape')}).",
        *facts.said("bands", subjects),
        "A narrow band means that the choice of the learning rate matters little. It does not mean "
        "a smooth landscape: after the first steps the runs of a band are at different weights and "
        "at different losses. The verdict on the landscape therefore leaves the band out and rests "
        "on the study along the gradient.",
    ]


def _gradient(facts: Facts) -> list[str]:
    subjects = {
        "loss_range_mean": "the range of the loss",
        "gradient_distance_mean": "the largest distance between the two gradients",
        "cosine_distance_mean": "the turn of the gradient (1 − cosine)",
    }
    said = [
        "From the same weights and on the same mini-batch, steps of several sizes were tried along "
        "the negative gradient, and the loss and the gradient there were compared with those "
        f"before ({figure('probe_loss')}, {figure('probe_gradient')}).",
        *_caveat(facts),
        *facts.said("probe", subjects),
        "Where the loss varies little and the gradient stays valid, the optimizer can trust its "
        "step. All of this is along one direction and bounds no curvature in others.",
    ]
    if facts.study.bands:
        said.append(
            f"Gradients of consecutive training steps ({figure('gradient_predictiveness')}) come "
            "from different mini-batches: their distance mixes mini-batch noise with curvature "
            "and decides nothing here."
        )
    return said


def _caveat(facts: Facts) -> list[str]:
    """What takes the meaning from a comparison along the gradient."""
    if not facts.stuck:
        return []
    return [
        f"{listed(facts.stuck)} stayed at chance in this study, so what follows describes the "
        "numbers and compares no landscapes of trained networks."
    ]


def _beta(facts: Facts) -> list[str]:
    along, training = "this β, averaged over training,", "the mean β between consecutive steps"
    same = "β over an update, with both gradients on one mini-batch,"
    said = [
        "The effective β is the change of the gradient per distance moved; it is low where the "
        "loss is smooth."
    ]
    if facts.study.probe:
        said.append(
            f"Along the gradient it is the largest over the step sizes ({figure('probe_beta')})."
        )
    said += facts.said("probe", {"beta_maximum_mean": along}, "lower", "higher")
    said += facts.said("bands", {"beta_mean": training}, "lower", "higher")
    said += facts.said("bands", {"same_batch_beta_mean": same}, "lower", "higher")
    if facts.study.bands:
        said.append(
            f"β between consecutive steps ({figure('beta_smoothness')}) is mostly mini-batch noise "
            "and falls like one over the learning rate, so that its mean over learning rates is "
            "largely that of the smallest. Only β on one mini-batch speaks of the landscape."
        )
    return said


def _sizes(facts: Facts) -> list[str]:
    return [
        "A largest value hides the step size that it comes from, so β is compared size by size "
        f"({figure('probe_beta_heatmap')}, {table('verdicts')}).",
        *by_step_size(facts.tables["probe"], facts.images),
        *left_behind(facts.tables["probe"]),
        "Small steps do not isolate curvature: ReLU and max pooling give the loss kinks, and β "
        "grows about like 1/\u2060√η as the step shrinks, until the step crosses no kink.",
        *facts.said("probe", {"curvature_mean": CURVATURE}, "lower", "higher"),
    ]


def _course(facts: Facts) -> list[str]:
    subjects = {
        "loss_range_first": "the range of the loss before any training (step 0)",
        "loss_range_late": "the range of the loss in the last tenth of the steps",
        "gradient_distance_late": "the gradient distance there",
    }
    said = ["The comparison changes in the course of training."]
    said += facts.said("probe", subjects)
    assert facts.study.probe is not None
    assert facts.probe_bands is not None
    names = facts.study.probe.architectures
    if facts.row("probe", "loss_range_mean"):
        step = narrower_from(facts.probe_bands, "loss", names[0], names[1])
        second = label(names[1])
        if step is None:
            said.append(f"The range of {second} is not the smaller one to the end in every seed.")
        elif step == 0:
            said.append(f"The range of {second} is the smaller one at every probed step.")
        else:
            said.append(
                f"In every seed, the range of {second} is the smaller one from step {step:,} to "
                "the end."
            )
    said += _spikes(facts)
    said.append(
        "Networks are compared at equal steps, not at equal losses. A network on a plateau has "
        "small gradients whatever its landscape."
    )
    return said


def _spikes(facts: Facts) -> list[str]:
    """Late means that medians over the same steps contradict."""
    words = {
        "loss_range_late": "the range of the loss",
        "gradient_distance_late": "the gradient distance",
        "beta_maximum_late": "β",
    }
    against = []
    for measure, word in words.items():
        row, median = facts.row("probe", measure), facts.row("probe", median_of(measure))
        if row is None or median is None or row.ratio is None or median.ratio is None:
            continue
        if (row.ratio < 1) != (median.ratio < 1) and decide(median, facts.images).decided:
            against.append(word)
    if not against:
        return []
    return [
        f"{capital(' and '.join(against))} at the end rests on spikes: the medians over the same "
        "steps point the other way."
    ]


def _scale(facts: Facts) -> list[str]:
    assert facts.study.probe is not None
    second = label(facts.study.probe.architectures[1])
    return [
        "Raw β depends on the scale of the weights. Where BatchNorm follows a layer, its weights θ "
        "can be multiplied by c without changing the function, and then exactly "
        "β(c²η; cθ) · c² = β(η; θ) for that layer alone. The scale of the other parameters is not "
        "free, so that no factor common to all parameters removes it.",
        f"The values of β of {second} and of networks without normalization are therefore not on "
        "one scale: they say how far this optimizer can go with these weights, and do not rank the "
        "functions. The range of the loss and the cosine have no such scale at a given step.",
    ]
