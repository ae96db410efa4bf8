"""Sizes, times and steps as figures and tables write them."""


def count(value: float) -> str:
    """Parameters: 450, 97.5 k, 1.97 M."""
    return _scaled(value, ((1e9, " G"), (1e6, " M"), (1e3, " k")))


def duration(seconds: float) -> str:
    """7.25 s, 12.5 min, 2.30 h."""
    if seconds < 100:
        return f"{_three(seconds)} s"
    return f"{_three(seconds / 60)} min" if seconds < 6000 else f"{_three(seconds / 3600)} h"


def about(seconds: float) -> str:
    """A rough time: 40 seconds, 28 minutes, 5 hours, 26 days."""
    units = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
    size, name = next((unit for unit in units if seconds >= 1.95 * unit[0]), units[-1])
    count = max(1, round(seconds / size))
    return f"{count} {name}{'' if count == 1 else 's'}"


def operations(flops: float) -> str:
    """Floating-point operations: 2.40 MFLOP, 1.11 GFLOP, 32.0 PFLOP."""
    units = ((1e18, " EFLOP"), (1e15, " PFLOP"), (1e12, " TFLOP"), (1e9, " GFLOP"), (1e6, " MFLOP"))
    return _scaled(flops, (*units, (1e3, " kFLOP"), (1, " FLOP")))


def petaflops(flops: float) -> str:
    """Operations of a whole training: 0.290 PFLOP; of a tiny one in a smaller unit."""
    return f"{_three(flops / 1e15)} PFLOP" if flops >= 1e12 else operations(flops)


def times_rate(size: float) -> str:
    """A step size relative to the learning rate: lr/64, lr, 4 lr."""
    if size < 1 and float(1 / size).is_integer():
        return f"lr/{1 / size:.0f}"
    return "lr" if size == 1 else f"{size:g} lr"


def _scaled(value: float, units: tuple[tuple[float, str], ...]) -> str:
    for size, unit in units:
        if value >= 0.9995 * size:
            return _three(value / size) + unit
    return f"{value:g}"


def _three(value: float) -> str:
    return f"{value:.0f}" if value >= 99.95 else f"{value:#.3g}".rstrip(".")
