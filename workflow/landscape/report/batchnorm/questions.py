"""One paragraph per question: what was measured, what was found, what it means and does not."""

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

CURVATURE = "the curvature along the gradient before a step, ‖Hg‖/‖g‖ with the Hessian H,"


@dataclass(frozen=True)
class Paragraph:
    name: str
    title: str
    text: str


def questions(facts: Facts) -> list[Paragraph]:
    """Every question that the study can answer, in the order of the report.

    Each except the first needs one of the studies named with it, with networks to compare.
    """
    every: dict[str, tuple[str, Callable[[Facts], list[str]], tuple[str, ...]]] = {
        "learning": ("Which network learns better?", _learning, ()),
        "band": ("Is the band over learning rates narrower?", _band, ("bands",)),
        "gradient": ("Is the gradient predictive?", _gradient, ("probe",)),
        "beta": ("Is β lower?", _beta, ("bands", "probe")),
        "sizes": ("At which step sizes?", _sizes, ("probe",)),
        "course": ("From which training step on?", _course, ("probe",)),
        "scale": ("Does the scale of the weights matter?", _scale, ("probe",)),
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
            f"Each network was trained at {several(len(bands.learning_rates), 'learning rate')}, "
            f"with {several(len(bands.seeds), 'seed')} at each ({figure('training_curves')})."
        )
    if probe:
        said.append(
            f"For the study along the gradient, each network was trained at learning rate "
            f"{probe.learning_rate:g} with {several(len(probe.seeds), 'seed')} ({table('probe')})."
        )
    if not any(map(facts.compares, facts.tables)):
        said.append("Only one architecture was trained, so nothing is compared.")
    best, along = (
        "the test accuracy at the best learning rate",
        "the test accuracy in the study along the gradient",
    )
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
            f"{capital('; '.join(chance))}. The landscape measures of a network at chance are "
            "small because it learned nothing, not because its landscape is smooth."
        )
    said += [text for runs in facts.runs.values() for text in endings.diverged(runs)]
    best_rates = facts.tables.get("bands", {}).get("test_accuracy_best")
    if bands and len(bands.learning_rates) > 1 and best_rates and any(best_rates.values.values()):
        said.append(
            "The best learning rate is chosen by the test accuracy that it then describes, so this "
            "accuracy is too optimistic. No network was chosen by it."
        )
    return said


def _band(facts: Facts) -> list[str]:
    bands = facts.study.bands
    assert bands is not None
    if len(bands.learning_rates) == 1:
        return [
            f"One learning rate has no band: each network was trained only at "
            f"{bands.learning_rates[0]:g} ({figure('loss_landscape')}), so this study does not "
            "show how the loss depends on the learning rate."
        ]
    subjects = {
        "loss_band_width": "the width of the band, averaged over the steps,",
        "loss_band_width_late": "its width in the last tenth of the steps",
    }
    return [
        "At every training step, the band extends from the lowest to the highest mini-batch loss "
        f"over the learning rates ({figure('loss_landscape')}).",
        *facts.said("bands", subjects),
        "A narrow band means that the choice of the learning rate matters little. It does not mean "
        "that the landscape is smooth: after the first steps, the runs of a band have different "
        "weights and different losses. The verdict on the landscape therefore uses the study along "
        "the gradient and not the band.",
    ]


def _gradient(facts: Facts) -> list[str]:
    subjects = {
        "loss_range_mean": "the range of the loss",
        "gradient_distance_mean": "the largest distance between the two gradients",
        "cosine_distance_mean": "the turn of the gradient (1 − cosine)",
    }
    said = [
        "At each probed step, several step sizes were tried along the negative gradient, from the "
        "same weights and on the same mini-batch. The loss and the gradient after the step were "
        f"compared with those before ({figure('probe_loss')}, {figure('probe_gradient')}).",
        *_caveat(facts),
        *facts.said("probe", subjects),
        "If the loss varies little and the gradient stays valid, the optimizer can trust its step. "
        "These measures are along one direction and do not bound the curvature in others.",
    ]
    if facts.study.bands:
        said.append(
            f"Gradients of consecutive training steps ({figure('gradient_predictiveness')}) come "
            "from different mini-batches. Their distance mixes mini-batch noise with curvature, so "
            "no verdict uses it."
        )
    return said


def _caveat(facts: Facts) -> list[str]:
    """The reason why a comparison along the gradient means nothing, if there is one."""
    if not facts.stuck:
        return []
    return [
        f"{listed(facts.stuck)} stayed at chance in this study, so the following sentences "
        "describe the numbers and do not compare landscapes of trained networks."
    ]


def _beta(facts: Facts) -> list[str]:
    along, training = "this β, averaged over training,", "the mean β between consecutive steps"
    same = "β over an update, with both gradients on one mini-batch,"
    said = [
        "The effective β is the change of the gradient divided by the distance moved; it is low if "
        "the loss is smooth."
    ]
    if facts.study.probe:
        said.append(
            "Along the gradient, β is the largest value over the step sizes "
            f"({figure('probe_beta')})."
        )
    said += facts.said("probe", {"beta_maximum_mean": along}, "lower", "higher")
    said += facts.said("bands", {"beta_mean": training}, "lower", "higher")
    said += facts.said("bands", {"same_batch_beta_mean": same}, "lower", "higher")
    if facts.study.bands:
        said.append(
            f"β between consecutive steps ({figure('beta_smoothness')}) is mostly mini-batch noise "
            "and inversely proportional to the learning rate, so the smallest learning rate "
            "dominates its mean. Only β on one mini-batch describes the landscape."
        )
    return said


def _sizes(facts: Facts) -> list[str]:
    return [
        "A largest value hides the step size at which it occurs, so β is also compared at each "
        f"step size ({figure('probe_beta_heatmap')}, {table('verdicts')}).",
        *by_step_size(facts.tables["probe"], facts.images),
        *left_behind(facts.tables["probe"]),
        "Small steps do not isolate curvature. ReLU and max pooling give the loss kinks: as the "
        "step shrinks, β grows about like 1/\u2060√η until the step crosses no kink.",
        *facts.said("probe", {"curvature_mean": CURVATURE}, "lower", "higher"),
    ]


def _course(facts: Facts) -> list[str]:
    subjects = {
        "loss_range_first": "the range of the loss before any training (step 0)",
        "loss_range_late": "the range of the loss in the last tenth of the steps",
        "gradient_distance_late": "the gradient distance there",
    }
    said = ["The comparison depends on the training step."]
    said += facts.said("probe", subjects)
    assert facts.study.probe is not None
    assert facts.probe_bands is not None
    names = facts.study.probe.architectures
    if facts.row("probe", "loss_range_mean"):
        step = narrower_from(facts.probe_bands, "loss", names[0], names[1])
        second = label(names[1])
        if step is None:
            said.append(
                f"In some seed, the range of {second} is not smaller at the end of training."
            )
        elif step == 0:
            said.append(f"The range of {second} is smaller at every probed step.")
        else:
            said.append(
                f"In every seed, the range of {second} is smaller from step {step:,} to the end."
            )
    said += _spikes(facts)
    said.append(
        "Networks are compared at equal steps, not at equal losses. On a plateau, gradients are "
        "small whatever the landscape elsewhere."
    )
    return said


def _spikes(facts: Facts) -> list[str]:
    """Means over the last steps that the medians over the same steps contradict."""
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
        f"Spikes decide the means of {listed(against)} at the end: the medians over the same steps "
        "point the other way."
    ]


def _scale(facts: Facts) -> list[str]:
    assert facts.study.probe is not None
    second = label(facts.study.probe.architectures[1])
    return [
        "β depends on the scale of the weights. If BatchNorm follows a layer, multiplying the "
        "layer's weights θ by c does not change the function, and for this layer alone "
        "β(c²η; cθ) · c² = β(η; θ) exactly. The scale of the other parameters is not free, so no "
        "factor common to all parameters removes this dependence.",
        f"The values of β of {second} and of networks without normalization therefore have "
        "different scales. They say how far this optimizer can go with these weights, and do not "
        "rank the functions. At a given step, the range of the loss and the cosine do not depend "
        "on the scale.",
    ]
