"""One architecture against another, in the words that the numbers allow."""

from dataclasses import dataclass

from landscape.notation.names import MEASURES, label
from landscape.notation.numbers import number, quantity, span
from landscape.tables.rows import Row

SIZE = ("smaller", "larger")
LEVEL = ("lower", "higher")


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
        f"Means over {count} seeds are geometric, those of accuracies arithmetic; intervals are "
        "95 % t-intervals, and ratios are taken seed by seed."
    )


def scaled_beta(table: dict[str, Row], scaled: str, raw: str) -> list[str]:
    row, beside = table.get(scaled), table.get(raw)
    if row is None:
        return []
    said = [
        "Layers followed by BatchNorm can be rescaled without changing the function, and raw β "
        "changes with that scale. A common rescaling of them leaves β·‖θ‖² (θ: all parameters) "
        "nearly unchanged, so it is given beside β.",
        compared(row, "scaled in this way, β·‖θ‖²", *LEVEL),
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
