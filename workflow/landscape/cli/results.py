"""The stages after training: tables, inspection, figures, report, benchmark."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from landscape.cli.arguments import (
    Arguments,
    Stages,
    add_parallel,
    add_stage,
    add_threads,
    count,
    gpu,
    results_of,
    settings_of,
    study_folder,
    study_of,
    wrote,
)
from landscape.errors import UserError

if TYPE_CHECKING:
    from landscape.config.network_study import NetworkStudy


def add(stages: Stages) -> None:
    aggregate = add_stage(stages, _aggregate, "aggregate", "tabulate a study's runs")
    aggregate.add_argument("study", choices=["bands", "probe", "mechanism", "network"])
    add_stage(stages, _tune, "tune", "choose the learning rates of the sweeps' levels")
    add_stage(stages, _structure, "structure", "tabulate the layers of the final networks")
    for name, text in (
        ("insight", "inspect trained networks: filters, attributions, mistakes, robustness"),
        ("surface", "measure the loss around trained networks"),
    ):
        inspect = add_stage(stages, _insight, name, text)
        inspect.add_argument(
            "--device", choices=["auto", "cuda", "cpu"], help="(default: the configuration's)"
        )
        add_threads(inspect)
        add_parallel(inspect)
        inspect.set_defaults(inspect=name)
    look = add_stage(
        stages,
        _look,
        "look",
        "inspect the weights that a run kept: curvature and more",
    )
    look.add_argument("run", metavar="RUN", help="for example mechanism/vgg_a/lr0.1/seed0")
    add_threads(look)
    add_parallel(look)
    figure = add_stage(stages, _figure, "figure", "draw one figure from its tables")
    figure.add_argument("name")
    add_stage(stages, _report, "report", "typeset the report from tables and figures")
    add_stage(stages, _page, "report-page", "make the report's page for a browser")
    bench = add_stage(
        stages, _bench, "bench", "measure how fast this machine trains, and what measuring costs"
    )
    add_threads(bench)
    bench.add_argument("--rounds", type=count, default=15, help="rounds (default: 15)")
    bench.add_argument(
        "--seconds", type=float, default=1.0, help="of one contender in a round (default: 1)"
    )
    bench.add_argument(
        "--parts",
        metavar="PART,…",
        help="measure only these parts, again if necessary (default: all that are missing)",
    )
    add_parallel(bench)


def _aggregate(arguments: Arguments) -> None:
    from landscape.tables import bands_and_probe

    name, results = arguments.study, results_of(arguments)
    if name == "network":
        from landscape.tables.network_study import aggregate_network
        from landscape.tables.tuning import chosen_rates

        network = _network(arguments)
        _require_runs(network.run_ids(chosen_rates(network, results)), results)
        wrote(*aggregate_network(network, results))
    elif name == "mechanism":
        from landscape.config.mechanism import Mechanism
        from landscape.tables.mechanism import aggregate_mechanism

        mechanism = settings_of(arguments, Mechanism, lambda study: study.mechanism, name)
        _require_runs(mechanism.run_ids, results)
        wrote(*aggregate_mechanism(mechanism, results))
    elif name == "bands":
        from landscape.config.bands import Bands

        bands = settings_of(arguments, Bands, lambda study: study.bands, name)
        _require_runs(bands.run_ids, results)
        wrote(*bands_and_probe.aggregate_bands(bands, results))
    else:
        from landscape.config.probe import Probe

        probe = settings_of(arguments, Probe, lambda study: study.probe, name)
        _require_runs(probe.run_ids, results)
        wrote(*bands_and_probe.aggregate_probe(probe, results))


def _require_runs(run_ids: Sequence[str], results: Path) -> None:
    """Refuse to tabulate a study that is not trained, or the results of another study."""
    from landscape.cli.studies import others

    missing = [run for run in run_ids if not (results / run / "run.json").exists()]
    if missing:
        raise UserError(
            f"{results}: {len(missing)} of the {len(run_ids)} runs of this configuration are not "
            f"trained, the first is {missing[0]}." + others(results)
        )


def _tune(arguments: Arguments) -> None:
    from landscape.tables.tuning import tabulate_tuning

    network, results = _network(arguments), results_of(arguments)
    if not network.is_tuned:
        raise UserError("network.tune or network.sweeps is null, so there is nothing to choose")
    _require_runs([trial.run_id for trial in network.trials()], results)
    wrote(tabulate_tuning(network, results))


def _structure(arguments: Arguments) -> None:
    from landscape.tables import layers

    wrote(layers.tabulate_structure(_network(arguments), results_of(arguments)))


def _network(arguments: Arguments) -> "NetworkStudy":
    from landscape.config.network_study import NetworkStudy

    return settings_of(arguments, NetworkStudy, lambda study: study.network, "network")


def _insight(arguments: Arguments) -> None:
    from landscape.config.network_study import Insight

    insight = settings_of(arguments, Insight, lambda study: study.inspected, "network.insight")
    device = arguments.device or ("auto" if arguments.settings else study_of(arguments).device)
    results = study_folder(arguments)
    with gpu(arguments, device, arguments.inspect):
        from landscape.insight import run

        stages = {"insight": run.collect, "surface": run.collect_surfaces}
        stages[arguments.inspect](insight, results, device, arguments.threads)
    made = {"insight": ("insight.safetensors", "insight.json"), "surface": ("surface.parquet",)}
    wrote(*(results / "network" / name for name in made[arguments.inspect]))


def _look(arguments: Arguments) -> None:
    from landscape.config.mechanism import Look

    look = settings_of(arguments, Look, lambda study: study.look(arguments.run), "mechanism")
    results = study_folder(arguments)
    with gpu(arguments, look.run.device, look.run.id):
        from landscape.insight import mechanism

        wrote(*mechanism.collect(look, results, arguments.threads))


def _figure(arguments: Arguments) -> None:
    from landscape.config.study import Figures
    from landscape.figures import draw

    settings = settings_of(arguments, Figures, lambda study: study.figures, "figures")
    results = study_folder(arguments)
    base = results / "figures" / arguments.name
    paths = base.with_suffix(".png"), base.with_suffix(".pdf")
    draw.draw(arguments.name, results, settings, *paths)
    wrote(*paths)


def _report(arguments: Arguments) -> None:
    from landscape.config.study import Study
    from landscape.report import build

    study = settings_of(arguments, Study, lambda whole: whole, "")
    results = study_folder(arguments)
    build.build(results, study, results / "report.pdf")
    wrote(results / "report.pdf")


def _page(arguments: Arguments) -> None:
    from landscape.config.study import Study
    from landscape.report.page import build

    study = settings_of(arguments, Study, lambda whole: whole, "")
    results = study_folder(arguments)
    build.build(results, study, results / "report.html")
    wrote(results / "report.html")


def _bench(arguments: Arguments) -> None:
    from landscape.config.study import Study

    study = settings_of(arguments, Study, lambda whole: whole, "")
    results = arguments.results or Path(study.results)
    with gpu(arguments, study.device, "bench"):
        from landscape.bench import collect

        collect.bench(
            study,
            results,
            arguments.threads,
            arguments.rounds,
            arguments.seconds,
            arguments.parts.split(",") if arguments.parts else (),
        )
    parts, file, text = (results / "bench" / n for n in ("parts.json", "bench.json", "speed.md"))
    wrote(*((parts,) if parts.exists() else (file, text)))
