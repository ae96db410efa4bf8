"""How numbers are written for readers."""

from landscape.notation.names import MEASURES

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, digits: int = 3) -> str:
    """A number as a reader writes it: three significant digits, powers of ten beyond reason."""
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e7:
        rounded = float(f"{value:.{digits}g}")
        if abs(rounded) >= 10 ** (digits - 1):
            return _minus(f"{rounded:,.0f}")
        return _minus(f"{value:#.{digits}g}".rstrip("."))
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return _minus(f"{mantissa} × 10") + str(int(exponent)).translate(SUPERSCRIPT)


def _minus(text: str) -> str:
    return text.replace("-", "−")


def percent(share: float) -> str:
    """An accuracy of the network study: 93.42 %."""
    return f"{100 * share:.2f} %"


def points(difference: float) -> str:
    """A difference of accuracies in percentage points, with its sign: +0.71, −2.30."""
    return _minus(f"{100 * difference:+.2f}")


def points_span(interval: tuple[float, float]) -> str:
    return f"[{points(interval[0])}, {points(interval[1])}]"


def quantity(measure: str, value: float) -> str:
    """A value with its unit; accuracies in percent, counts whole."""
    unit = MEASURES.get(measure, ("", ""))[1]
    if unit == "%":
        return f"{100 * value:.1f} %"
    if measure == "diverged_runs":
        return f"{value:g}"
    return f"{number(value)} {unit}".strip()


def span(interval: tuple[float, float]) -> str:
    return f"[{number(interval[0])}, {number(interval[1])}]"
