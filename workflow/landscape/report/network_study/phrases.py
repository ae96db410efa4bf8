"""What the sentences of the network study share."""

from collections.abc import Sequence

from landscape.notation.names import final_name as named_level
from landscape.notation.names import label
from landscape.notation.numbers import percent
from landscape.tables.rows import Outcome


def called(outcome: Outcome) -> str:
    """A final network, the plain network or a level, as a reader calls it."""
    if outcome.kind == "plain":
        return label(outcome.family)
    if outcome.kind == "final":
        return named_level(outcome.level, outcome.family)
    return outcome.level


def divergence(outcome: Outcome) -> str:
    """A setting whose runs, or some of them, ended without an accuracy."""
    name, lost, seeds = called(outcome), outcome.diverged, outcome.seeds
    if lost == seeds:
        return f"All {seeds} runs of {name} diverged." if seeds > 1 else f"{name} diverged."
    return f"{lost} of {seeds} runs of {name} diverged; its numbers are of the others."


def spread(value: float, deviation: float | None) -> str:
    """A mean with its standard deviation over seeds: 93.42 ± 0.28 %."""
    if deviation is None:
        return percent(value)
    return f"{100 * value:.2f} ± {percent(deviation)}"


def listed(parts: Sequence[str]) -> str:
    """a, b and c."""
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]
