"""The report's tables on the page, with titles and their names in the PDF."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from landscape.report.batchnorm.summary import SIDES


class Titled(NamedTuple):
    name: str
    title: str
    table: Mapping[str, Any]


def tables(said: Mapping[str, Any]) -> Iterator[Titled]:
    """The tables that have rows, in the report's order; `said` is the report's content."""
    for titled in _all(said):
        if titled.table["body"]:
            yield titled


def _all(said: Mapping[str, Any]) -> Iterator[Titled]:
    yield Titled("verdicts", "Verdicts, measure by measure", said["verdicts"])
    for name, table in said["summaries"].items():
        yield Titled(name, f"Headline numbers {SIDES[name]}", table)
    yield Titled("settings", "Settings of the two studies", said["settings"])
    if "mechanism" in said:
        mechanism = said["mechanism"]
        yield Titled("explanations", "Explanations as predictions", mechanism["verdicts"])
        yield Titled("edge", "Curvature relative to 2/lr", mechanism["edge"])
        yield Titled("literature", "In the literature, at other settings", mechanism["literature"])
        yield Titled("networks", "Each network", mechanism["networks"])
    if "network" in said:
        network = said["network"]
        yield Titled("finals", "Final networks", network["finals"])
        yield Titled("against", "Published designs trained here", network["against"])
        yield Titled("published", "Published results", network["published"])
        yield Titled("factors", "Factors of the sweeps", network["factors"])
        yield Titled("levels", "Every level of the sweeps and every ablation", network["levels"])
    if "bench" in said:
        yield Titled("bench", "Training steps per second", said["bench"]["table"])
    for name, table in said["runs"].items():
        yield Titled(f"runs-{name}", f"Runs {SIDES[name]}", table)
