"""From summary tables to sentences: the numbers choose what is said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from landscape.figures.colors import label
from landscape.headline import MEASURES, Row, number, quantity, span, step_size, times_rate

NEAR_CHANCE = 1.5  # times the accuracy of guessing
NEARLY_SATURATED = 0.8  # of 1/η, the value of β where the gradient has vanished after the step


@dataclass(frozen=True)
class Section:
    title: str
    sentences: list[str]


def compared(row: Row, subject: str, less: str, more: str) -> str:
    """`subject` of the second architecture against the first; what the interval allows to say."""
    names = list(row.values)
    if len(names) < 2 or row.ratio is None or None in (row.values[n] for n in names[:2]):
        known = {name: value for name, value in row.values.items() if value is not None}
        if not known:
            return f"{_capital(subject)} was not measured."
        each = ", ".join(f"{quantity(row.measure, v)} ({label(n)})" for n, v in known.items())
        return f"{_capital(subject)} is {each}."
    first, second, *others = names
    if (row.ratio - 1) * ((row.values[second] or 0.0) - (row.values[first] or 0.0)) < 0:
        a, b = (quantity(row.measure, row.values[name] or 0.0) for name in (second, first))
        return (
            f"{_capital(subject)} has no direction that all seeds share: on average {a} "
            f"({label(second)}) and {b} ({label(first)}), but seed by seed the ratio is "
            f"{number(row.ratio)}."
        )
    a, b = (quantity(row.measure, row.values[name] or 0.0) for name in (first, second))
    interval = "" if row.ratio_interval is None else f"95 % interval {span(row.ratio_interval)}"
    if row.ratio == 1:
        text = f"of {label(second)} is that of {label(first)} ({a})"
    elif MEASURES.get(row.measure, ("", ""))[1] == "%":
        word = less if row.ratio < 1 else more
        ratio = ", ".join(filter(None, [f"ratio {number(row.ratio)}", interval]))
        text = f"of {label(second)} is {word}: {b} against {a} of {label(first)} ({ratio})"
    else:
        word = less if row.ratio < 1 else more
        numbers = "; ".join(
            filter(None, [f"{b} against {a}", interval and f"{interval} of the ratio"])
        )
        times = f"{number(row.ratio)} times that of {label(first)}"
        text = f"of {label(second)} is {word}: {times} ({numbers})"
    rest = [
        f"; {label(name)}: {quantity(row.measure, value)}"
        for name in others
        if (value := row.values[name]) is not None
    ]
    return f"{_capital(subject)} {text}{''.join(rest)}.{_undecided(row)}"


def _undecided(row: Row) -> str:
    if row.ratio_interval and row.ratio_interval[0] <= 1 <= row.ratio_interval[1]:
        return " The interval includes 1, so this study does not decide."
    return ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def seeds_sentence(table: dict[str, Row]) -> str:
    """How far intervals can be given at all."""
    count = max((row.seeds for row in table.values()), default=0)
    if count < 2:
        return "There is a single seed, so no interval over seeds can be given."
    return (
        f"Intervals are 95 % t-intervals over {count} seeds; a ratio is the geometric mean of the "
        "ratios seed by seed."
    )


def bands_section(table: dict[str, Row], runs: pd.DataFrame) -> Section:
    """The study over learning rates."""
    said = [seeds_sentence(table)]
    if row := table.get("loss_band_width"):
        said.append(compared(row, "the width of the loss band, mean over steps,", *_SIZE))
    if row := table.get("loss_band_width_late"):
        said.append(compared(row, "in the last tenth of the steps the width", *_SIZE))
    if row := table.get("gradient_distance_mean"):
        said.append(compared(row, "the mean distance between consecutive gradients", *_SIZE))
        said.append(
            "Consecutive gradients come from different mini-batches: this distance mixes "
            "mini-batch noise with curvature, and the probe is the clean measure."
        )
    if row := table.get("output_gradient_distance_mean"):
        said.append(compared(row, "for the output layer alone the mean distance", *_SIZE))
    if row := table.get("beta_mean"):
        said.append(compared(row, "the mean effective β", "lower", "higher"))
    if row := table.get("beta_maximum"):
        said.append(compared(row, "the largest β", "lower", "higher"))
    said += _scaled(table, "scaled_beta_mean", "beta_mean")
    said += at_unequal_loss(table, "final_train_loss_best")
    said += diverged(runs, "A diverged run leaves its band, which is narrower from then on.")
    return Section("Over learning rates", said)


def training_section(table: dict[str, Row]) -> Section:
    """How well the runs ended."""
    said = []
    for measure, subject, words in (
        ("final_train_loss_best", "the final training loss at the best learning rate", _LEVEL),
        ("test_accuracy_best", "the test accuracy at the best learning rate", _LEVEL),
        ("test_accuracy_worst", "the test accuracy at the worst learning rate", _LEVEL),
    ):
        if row := table.get(measure):
            said.append(compared(row, subject, *words))
    if {"test_accuracy_best", "test_accuracy_worst"} <= set(table):
        said.append(
            "Best and worst learning rate are by test accuracy itself: they describe the spread, "
            "no model was chosen by them."
        )
    return Section("Training and test accuracy", said)


def probe_section(
    table: dict[str, Row], runs: pd.DataFrame, learning_rate: float, smallest: float
) -> Section:
    """The study along the gradient; `smallest` is the band's smallest relative step size."""
    said = [seeds_sentence(table)]
    for measure, subject, words in (
        ("loss_range_mean", "the range of the loss along the gradient, mean over steps,", _SIZE),
        ("gradient_distance_mean", "the largest gradient distance, mean over steps,", _SIZE),
        ("gradient_cosine_mean", "the mean cosine between the gradients", _LEVEL),
        ("beta_maximum_mean", "the largest β over the step sizes, mean over steps,", _LEVEL),
    ):
        if row := table.get(measure):
            said.append(compared(row, subject, *words))
    said += _scaled(table, "scaled_beta_maximum_mean", "beta_maximum_mean")
    said += at_start(table)
    for measure, subject, words in (
        ("loss_range_late", "in the last tenth of the steps the range of the loss", _SIZE),
        ("gradient_distance_late", "there the largest gradient distance", _SIZE),
        ("beta_maximum_late", "there the largest β", _LEVEL),
    ):
        if row := table.get(measure):
            said.append(compared(row, subject, *words))
    said += at_unequal_loss(table, "final_loss")
    said += by_step_size(table, learning_rate, smallest)
    for measure, subject in (
        ("final_loss", "the final mini-batch loss"),
        ("test_accuracy", "the test accuracy after training with plain SGD"),
    ):
        if row := table.get(measure):
            said.append(compared(row, subject, *_LEVEL))
    said += diverged(runs, "The means of a diverged run cover the steps before it diverged.")
    return Section("Along the gradient", said)


_SIZE = ("smaller", "larger")
_LEVEL = ("lower", "higher")


def _scaled(table: dict[str, Row], scaled: str, raw: str) -> list[str]:
    row, beside = table.get(scaled), table.get(raw)
    if row is None:
        return []
    said = [
        "Layers followed by BatchNorm can be rescaled without changing the function, and raw β "
        "changes with that scale. A common rescaling of them leaves β·‖θ‖² (θ: all parameters) "
        "nearly unchanged, so it is given beside β.",
        compared(row, "scaled in this way, β·‖θ‖²", *_LEVEL),
    ]
    if beside and row.ratio and beside.ratio and (row.ratio < 1) != (beside.ratio < 1):
        said.append(
            "Raw and scaled β point in opposite directions: the scale of the weights matters."
        )
    return said


def at_unequal_loss(table: dict[str, Row], final: str) -> list[str]:
    """A warning where one network trains better and yet its gradients change more."""
    loss, distance = table.get(final), table.get("gradient_distance_mean")
    if loss is None or distance is None or loss.ratio is None or distance.ratio is None:
        return []
    if (loss.ratio < 1) == (distance.ratio < 1):
        return []
    names = list(loss.values)[:2]
    better, other = names[::-1] if loss.ratio < 1 else names
    return [
        f"Steps are compared with equal steps, not with equal loss: {label(better)} ends at the "
        f"lower loss although its gradients change more. A network such as {label(other)} here, "
        "which learns more slowly, has small gradients on its plateau whatever its landscape."
    ]


def at_start(table: dict[str, Row]) -> list[str]:
    """Which architecture is worse before any training: BatchNorm usually is, and it is said."""
    subjects = {
        "loss_range_first": "loss range",
        "gradient_distance_first": "gradient distance",
        "beta_maximum_first": "largest β",
    }
    ratios = {
        words: (table[measure], table[measure].ratio)
        for measure, words in subjects.items()
        if measure in table and table[measure].ratio is not None
    }
    if not ratios:
        return []
    first, second = list(next(iter(ratios.values()))[0].values)[:2]
    worse = [f"{w} ({number(r)} times)" for w, (_, r) in ratios.items() if r is not None and r > 1]
    better = [
        f"{w} ({number(r)} times)" for w, (_, r) in ratios.items() if r is not None and r <= 1
    ]
    said = []
    if worse:
        said.append(
            f"At step 0, before any training, {label(second)} is worse than {label(first)} in: "
            f"{', '.join(worse)}."
        )
    if better:
        said.append(f"At step 0 {label(second)} is not worse in: {', '.join(better)}.")
    return said


def by_step_size(table: dict[str, Row], learning_rate: float, smallest: float) -> list[str]:
    """β per step size: where it is lower, where higher, and where it only says 1/η."""
    found = {size: row for m, row in table.items() if (size := step_size(m)) is not None}
    sized = sorted(found.items())
    said = []
    compared_rows = [(size, row) for size, row in sized if row.ratio is not None]
    if compared_rows:
        first, second = list(compared_rows[0][1].values)[:2]
        parts = {
            word: [
                f"{times_rate(size)} ({number(row.ratio)})"
                for size, row in compared_rows
                if row.ratio is not None and (row.ratio < 1) == (word == "lower")
            ]
            for word in ("lower", "higher")
        }
        listed = "; ".join(
            f"{word} at η = {', '.join(sizes)}" for word, sizes in parts.items() if sizes
        )
        said.append(
            f"By step size, the mean β of {label(second)} over that of {label(first)} is {listed}."
        )
    if at_smallest := found.get(smallest):
        limit = 1 / (smallest * learning_rate)
        for name, value in at_smallest.values.items():
            if value is None:
                continue
            start = (
                f"At the smallest step of the bands, η = {times_rate(smallest)}, the mean β of "
                f"{label(name)} is {number(value)}"
            )
            vanished = (
                f"1/η = {number(limit)}, its value where the gradient has vanished after the step"
            )
            if value > limit / NEARLY_SATURATED:
                said.append(f"{start}, above {vanished}: past such a step the gradient has turned.")
            elif value >= NEARLY_SATURATED * limit:
                said.append(
                    f"{start}, close to {vanished}: from there on β says how long the step is and "
                    "not how curved the loss is, and only the smaller steps show curvature."
                )
            else:
                said.append(f"{start}, below {vanished}: here β is not saturated.")
    return said


def near_chance(runs: pd.DataFrame, classes: int) -> list[str]:
    """Runs that did not learn: their loss is flat because nothing happened."""
    limit = NEAR_CHANCE / classes
    said = []
    for name, part in runs[runs["test_accuracy"].notna()].groupby("arch", sort=False):
        count = int((part["test_accuracy"] < limit).sum())
        if count:
            said.append(
                f"{count} of {len(part)} runs of {label(str(name))} end near chance (test accuracy "
                f"below {100 * limit:.0f} %, chance {100 / classes:.0f} %): they learned little, "
                "and low values of the landscape measures are no sign of an easy landscape."
            )
    return said


def diverged(runs: pd.DataFrame, consequence: str) -> list[str]:
    """Diverged runs by name: a learning rate that fails is a result."""
    gone = runs[runs["status"] == "diverged"]
    if gone.empty:
        return ["No run diverged."]
    said = [
        f"{label(str(run['arch']))} diverged at learning rate {run['learning_rate']:g}, "
        f"seed {run['seed']}, step {run['diverged_at_step']:,.0f}."
        for run in gone.to_dict("records")
    ]
    return [*said, consequence]


def abstract(bands: dict[str, Row], probe: dict[str, Row]) -> list[str]:
    """The findings in a few sentences."""
    said = []
    for table, measure, subject, words in (
        (bands, "loss_band_width", "over learning rates, the width of the loss band", _SIZE),
        (probe, "loss_range_mean", "along the gradient, the range of the loss", _SIZE),
        (
            probe,
            "gradient_distance_mean",
            "along the gradient, the largest gradient distance",
            _SIZE,
        ),
        (bands, "test_accuracy_best", "the test accuracy at the best learning rate", _LEVEL),
    ):
        if row := table.get(measure):
            said.append(compared(row, subject, *words))
    return [*said, *at_start(probe)[:1]]


@dataclass(frozen=True)
class Scale:
    """What decides how large a study is."""

    train_images: int
    epochs: int
    steps: int
    bands_width: float
    probe_width: float


FULL = Scale(train_images=50_000, epochs=20, steps=15_000, bands_width=1.0, probe_width=1.0)


def limitations(scale: Scale, dataset: Mapping[str, Any], seeds: int, count: int) -> list[str]:
    """What this study cannot say; `seeds`: the fewer of the two studies, `count`: architectures."""
    said = []
    if dataset["official_pixels"] is False:
        said.append(
            f"The images are not the official pixels of CIFAR-10 but: {dataset['name']}. "
            "Accuracies do not compare with published ones."
        )
    elif dataset["official_pixels"] is None:
        said.append(
            f"The images ({dataset['name']}) were stored without loss, but nothing proves that "
            "they are the official pixels of CIFAR-10."
        )
    words = {
        "train_images": "training images",
        "epochs": "epochs over learning rates",
        "steps": "steps along the gradient",
        "bands_width": "times the width over learning rates",
        "probe_width": "times the width along the gradient",
    }
    shorter = [
        f"{getattr(scale, key):,g} {text} (full study: {getattr(FULL, key):,g})"
        for key, text in words.items()
        if getattr(scale, key) != getattr(FULL, key)
    ]
    if shorter:
        said.append(f"The study is not at full size: {'; '.join(shorter)}.")
    if seeds < 3:
        said.append(
            "At least one of the two studies has a single seed: how much runs of the same setting "
            "differ is unknown there."
            if seeds == 1
            else "There are only two seeds, so the intervals are wide."
        )
    if count == 1:
        said.append("Only one architecture was trained, so nothing is compared.")
    said.append(
        "One family of networks, one data set, no augmentation: other depths and tasks may differ. "
        "PyHessian (Yao et al. 2020, arXiv:1912.07145) finds from Hessian spectra that BatchNorm "
        "does not always smooth the loss of shallow networks."
    )
    said.append(
        "All measures are along the path of training or along one gradient; they do not bound the "
        "curvature in other directions."
    )
    return said
