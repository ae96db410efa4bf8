"""A whole study from its first run to its report, in this process: no start of a job is paid."""

from collections.abc import Iterable
from pathlib import Path

from landscape.config.runs import PlainRun, Run
from landscape.config.study import Study
from landscape.figures.draw import draw
from landscape.figures.selection import wanted
from landscape.insight.run import collect, collect_surfaces
from landscape.plain import job as plain_job
from landscape.report import build
from landscape.tables.bands_and_probe import aggregate_bands, aggregate_probe
from landscape.tables.layers import tabulate_structure
from landscape.tables.network_study import aggregate_network
from landscape.tables.tuning import runs_in, tabulate_tuning
from landscape.training import job


def make(study: Study, results: Path) -> None:
    """Everything that the workflow makes of the prepared data in `results`."""
    _train(study.all_runs, results)
    if study.network and study.network.is_tuned:
        tabulate_tuning(study.network, results)
        _train(runs_in(results, study), results)
    if study.bands:
        aggregate_bands(study.bands, results)
    if study.probe:
        aggregate_probe(study.probe, results)
    if study.network:
        aggregate_network(study.network, results)
        tabulate_structure(study.network, results)
    if study.inspected:
        collect(study.inspected, results, "cpu", 1)
        collect_surfaces(study.inspected, results, "cpu", 1)
    for name in wanted(study):
        base = results / "figures" / name
        draw(name, results, study.figures, base.with_suffix(".png"), base.with_suffix(".pdf"))
    build.build(results, study, results / "report.pdf")


def _train(runs: Iterable[Run | PlainRun], results: Path) -> None:
    for run in runs:
        if not (results / run.id / "run.json").exists():
            train = plain_job.train if isinstance(run, PlainRun) else job.train
            train(run, results, threads=1)
