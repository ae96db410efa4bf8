"""The number shown in a cell of a table, for sorting."""

import re

UNITS = {
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "min": 60.0,
    "h": 3600.0,
    "kFLOP": 1e3,
    "MFLOP": 1e6,
    "GFLOP": 1e9,
    "TFLOP": 1e12,
    "PFLOP": 1e15,
    "EFLOP": 1e18,
}
DIGITS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
NUMBER = re.compile(r"([+−-]?\d[\d,]*(?:\.\d+)?)(?: × 10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?(?:\s(\w+))?")


def magnitude(text: str) -> float | None:
    """The first number of a text that starts with one, in units of one: 271,786, 12.5 min, −2.3."""
    found = NUMBER.match(text)
    if not found:
        return None
    mantissa, exponent, unit = found.groups()
    value = float(mantissa.replace(",", "").replace("−", "-"))
    power = int(exponent.translate(DIGITS)) if exponent else 0
    return value * 10.0**power * UNITS.get(unit or "", 1.0)
