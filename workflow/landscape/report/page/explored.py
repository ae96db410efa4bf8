"""The page's plots, and the tables from which they are drawn."""

from collections.abc import Iterator
from pathlib import Path

from landscape.config.study import Study
from landscape.figures.selection import wanted
from landscape.report.page.bands import bands
from landscape.report.page.mechanism import path
from landscape.report.page.networks import cost
from landscape.report.page.plots import Plot
from landscape.report.page.probe import beta, step_sizes
from landscape.report.page.surfaces import surfaces
from landscape.storage.files import read_json
from landscape.storage.tables import read_table
from landscape.tables.published import comparable


def explored(results: Path, study: Study) -> Iterator[Plot]:
    """The study's plots, that of the first page first; a study that is left out has none."""
    if study.bands or study.probe:
        rates = read_table(results / "bands/bands.parquet") if study.bands else None
        steps = read_table(results / "probe/bands.parquet") if study.probe else None
        yield bands(rates, steps, study)
    if study.probe:
        probe = read_table(results / "probe/probe.parquet")
        yield step_sizes(probe, study.probe, study.figures.smoothing_steps)
        yield beta(probe, study.probe)
    if study.mechanism:
        looked = read_table(results / "mechanism/mechanism.parquet")
        yield path(read_table(results / "mechanism/losses.parquet"), looked)
    configured = wanted(study)
    if "frontier_parameters" in configured:
        summary = read_table(results / "network/summary.csv")
        yield cost(summary, comparable(read_json(results / "data/dataset.json")))
    if "loss_surface" in configured:
        yield surfaces(read_table(results / "network/surface.parquet"))
