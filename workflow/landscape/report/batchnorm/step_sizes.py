"""β at each step size, and the step sizes after which the gradient has all but vanished."""

from collections.abc import Mapping

from landscape.notation.measure_keys import LEFT_AT, step_size
from landscape.notation.names import label
from landscape.notation.numbers import span
from landscape.notation.units import times_rate
from landscape.report.phrases import listed
from landscape.report.verdicts import decide
from landscape.tables.rows import Row

LEFT_BEHIND = 0.1  # of the gradient's norm: below this, the gradient has all but vanished


def by_step_size(table: Mapping[str, Row], images: int) -> list[str]:
    """The step sizes at which the second network's β is lower, higher, equal or not decided, with
    the interval of the ratio over seeds if there is one.
    """
    found = {size: row for name, row in table.items() if (size := step_size(name)) is not None}
    words: dict[str, list[str]] = {}
    known = False
    for size, row in sorted(found.items()):
        decision = decide(row, images)
        word = {"smaller": "lower", "larger": "higher"}.get(decision.direction, "")
        if decision.decided:
            word = word if decision.firm else f"probably {word}"
        else:
            word = {"equal": "equal", "undecided": "not decided"}.get(decision.direction, "")
        if word:
            limits = f" {span(row.ratio_interval)}" if row.ratio_interval else ""
            words.setdefault(word, []).append(f"{times_rate(size)}{limits}")
            known = known or bool(limits)
    if not words:
        return []
    first, second = map(label, list(next(iter(found.values())).values)[:2])
    each = "; ".join(f"{word} at η = {listed(sizes)}" for word, sizes in words.items())
    interval = " (95 % interval of the ratio in brackets)" if known else ""
    return [f"β of {second}, compared with that of {first}{interval}, is {each}."]


def left_behind(table: Mapping[str, Row]) -> list[str]:
    """Step sizes after which the gradient has all but vanished: β is then 1/η, whatever the
    curvature.
    """
    sizes: dict[str, list[float]] = {}
    for measure, row in table.items():
        size = step_size(measure, LEFT_AT)
        if size is not None:
            for name, share in row.values.items():
                if share is not None and share <= LEFT_BEHIND:
                    sizes.setdefault(name, []).append(size)
    return [
        f"After a step of η = {listed([times_rate(size) for size in sorted(found)])}, the norm of "
        f"the gradient of {label(name)} is less than a tenth of that before. β is then about 1/η "
        "and does not show how curved the loss is."
        for name, found in sizes.items()
    ]
