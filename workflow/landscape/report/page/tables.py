"""The report's tables that the page has, by their names in the PDF, with titles."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Titled(NamedTuple):
    name: str
    title: str
    table: Mapping[str, Any]


def tables(said: Mapping[str, Any]) -> Iterator[Titled]:
    """Those that have rows, in the report's order; `said` is what the report says."""
    for titled in _all(said):
        if titled.table["body"]:
            yield titled


def _all(said: Mapping[str, Any]) -> Iterator[Titled]:
    yield Titled("verdicts", "Verdicts, measure by measure", said["verdicts"])
    yield Titled("bands", "Headline numbers over learning rates", said["summaries"]["bands"])
    yield Titled("probe", "Headline numbers along the gradient", said["summaries"]["probe"])
    yield Titled("settings", "Settings of the two studies", said["settings"])
    if "mechanism" in said:
        yield Titled("explanations", "Explanations as predictions", said["mechanism"]["verdicts"])
    if "network" in said:
        network = said["network"]
        yield Titled("finals", "Final networks", network["finals"])
        yield Titled("against", "Against published designs trained here", network["against"])
        yield Titled("published", "Published results", network["published"])
        yield Titled("factors", "Factors of the sweeps", network["factors"])
        yield Titled("levels", "Every level of the sweeps and every ablation", network["levels"])
    if "bench" in said:
        yield Titled("bench", "Training steps per second", said["bench"]["table"])
    yield Titled("runs-bands", "Runs over learning rates", said["runs"]["bands"])
    yield Titled("runs-probe", "Runs along the gradient", said["runs"]["probe"])
