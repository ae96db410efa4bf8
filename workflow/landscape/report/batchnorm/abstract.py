"""The findings in a few sentences."""

from landscape.notation.names import label
from landscape.report.batchnorm.comparison import LEVEL, SIZE, compared
from landscape.report.batchnorm.probe import at_start
from landscape.tables.rows import Row

ACCURACY = "test_accuracy_best"
BANDS_SIZES = {"loss_band_width": "the width of the loss band over learning rates"}
PROBE_SIZES = {
    "loss_range_mean": "the range of the loss along the gradient",
    "gradient_distance_mean": "the gradient distance along it",
    "cosine_distance_mean": "the turn of the gradient along it",
    "beta_maximum_mean": "β along it",
}


def abstract(bands: dict[str, Row], probe: dict[str, Row]) -> list[str]:
    """The answer to the title, then the findings behind it."""
    said = answer(bands, probe)
    for table, measure, subject, words in (
        (bands, "loss_band_width", "over learning rates, the width of the loss band", SIZE),
        (probe, "loss_range_mean", "along the gradient, the range of the loss", SIZE),
        (
            probe,
            "gradient_distance_mean",
            "along the gradient, the largest gradient distance",
            SIZE,
        ),
        (bands, ACCURACY, "the test accuracy at the best learning rate", LEVEL),
    ):
        if row := table.get(measure):
            said.append(compared(row, subject, *words))
    return [*said, *at_start(probe)[:1]]


def answer(bands: dict[str, Row], probe: dict[str, Row]) -> list[str]:
    """Whether the network that learns better also has the smoother landscape, mean over steps."""
    accuracy = bands.get(ACCURACY)
    if accuracy is None or accuracy.ratio is None:
        return []
    first, second = (label(name) for name in list(accuracy.values)[:2])
    found: dict[str, list[str]] = {}
    for table, sizes in ((bands, BANDS_SIZES), (probe, PROBE_SIZES)):
        for measure, words in sizes.items():
            row = table.get(measure)
            if row is not None and row.ratio is not None:
                found.setdefault(_verdict(row, "smoother", "rougher"), []).append(words)
    if not found:
        return []
    each = "; ".join(
        f"{verdict} by {', '.join(found[verdict])}"
        for verdict in ("smoother", "rougher", "undecided")
        if verdict in found
    )
    learns = {
        "higher": f"{second} reaches the higher test accuracy",
        "lower": f"{second} reaches the lower test accuracy",
        "undecided": f"Whether {second} or {first} reaches the higher test accuracy is undecided",
    }[_verdict(accuracy, "lower", "higher")]
    seeds = "" if accuracy.ratio_interval else " (one seed each, so nothing is certain)"
    return [f"{learns}{seeds}; its landscape, against that of {first}, is {each}."]


def _verdict(row: Row, less: str, more: str) -> str:
    """What the interval of the ratio allows to say; without one, the ratio itself."""
    assert row.ratio is not None
    low, high = row.ratio_interval or (row.ratio, row.ratio)
    if low <= 1 <= high:
        return "undecided"
    return less if high < 1 else more
