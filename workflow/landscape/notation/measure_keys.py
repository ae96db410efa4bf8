"""Names of measures that contain a step size, or that belong to another measure as its median."""

BETA_AT = "beta_at_"
LEFT_AT = "gradient_left_at_"
MEDIAN = "_median"


def median_of(measure: str) -> str:
    """The name of the median over the same steps as the mean `measure`."""
    return f"{measure.removesuffix('_mean')}{MEDIAN}"


def step_size(measure: str, prefix: str = BETA_AT) -> float | None:
    """The relative step size in a measure's name, if there is one."""
    try:
        return float(measure.removeprefix(prefix)) if measure.startswith(prefix) else None
    except ValueError:
        return None
