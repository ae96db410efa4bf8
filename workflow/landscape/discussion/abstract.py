"""The findings in a few sentences."""

from landscape.discussion.comparison import LEVEL, SIZE, compared
from landscape.discussion.probe import at_start
from landscape.headline import Row


def abstract(bands: dict[str, Row], probe: dict[str, Row]) -> list[str]:
    """The findings in a few sentences."""
    said = []
    for table, measure, subject, words in (
        (bands, "loss_band_width", "over learning rates, the width of the loss band", SIZE),
        (probe, "loss_range_mean", "along the gradient, the range of the loss", SIZE),
        (
            probe,
            "gradient_distance_mean",
            "along the gradient, the largest gradient distance",
            SIZE,
        ),
        (bands, "test_accuracy_best", "the test accuracy at the best learning rate", LEVEL),
    ):
        if row := table.get(measure):
            said.append(compared(row, subject, *words))
    return [*said, *at_start(probe)[:1]]
