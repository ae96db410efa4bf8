"""Numbers as readers write them."""

import math

from landscape.notation.names import MEASURES

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, digits: int = 3) -> str:
    """Three significant digits; a power of ten below 0.001 and from ten million on."""
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


def decimals(images: int) -> int:
    """Decimals of a percentage of this many images: 1 for 1,000, 2 for 10,000."""
    return min(2, max(0, math.ceil(math.log10(images)) - 2)) if images > 0 else 0


def percent(share: float, images: int) -> str:
    """A share of this many images: 93.42 % of 10,000, 19.4 % of 1,000."""
    return f"{100 * share:.{decimals(images)}f} %"


def points(difference: float, images: int) -> str:
    """A difference of two shares in percentage points, with its sign: +0.71, −2.3."""
    text = f"{100 * difference:+.{decimals(images)}f}"
    return _minus(text) if text.strip("+-0.") else text.lstrip("+-")


def points_span(interval: tuple[float, float], images: int) -> str:
    return f"[{points(interval[0], images)}, {points(interval[1], images)}]"


def is_share(measure: str) -> bool:
    return MEASURES.get(measure, ("", ""))[1] == "%"


def quantity(measure: str, value: float, images: int) -> str:
    """A value with its unit; an accuracy in percent of this many images, a count whole."""
    if is_share(measure):
        return percent(value, images)
    if measure == "diverged_runs":
        return f"{value:g}"
    return f"{number(value)} {MEASURES.get(measure, ('', ''))[1]}".strip()


def span(interval: tuple[float, float]) -> str:
    return f"[{number(interval[0])}, {number(interval[1])}]"
