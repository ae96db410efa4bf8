"""Names of measures that are built from a part: a step size, or the mean beside a median."""

BETA_AT = "beta_at_"
LEFT_AT = "gradient_left_at_"
MEDIAN = "_median"


def median_of(measure: str) -> str:
    """The name of the median over the steps that `measure` is the mean of."""
    return f"{measure.removesuffix('_mean')}{MEDIAN}"


def step_size(measure: str, prefix: str = BETA_AT) -> float | None:
    """The relative step size in the name of a measure that has one."""
    try:
        return float(measure.removeprefix(prefix)) if measure.startswith(prefix) else None
    except ValueError:
        return None
