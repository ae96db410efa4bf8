"""`python -m landscape STAGE …`: every stage of the study by itself, with or without Snakemake.

What a stage imports is imported when it runs, so that `--help` answers at once.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from landscape.errors import UserError, is_out_of_memory

if TYPE_CHECKING:
    from landscape.config.network_study import NetworkStudy
    from landscape.config.study import Study


def main(arguments: Sequence[str] | None = None) -> int:
    parsed = _parser().parse_args(arguments)
    try:
        parsed.stage(parsed)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:  # a disk, a permission, a network: this machine's
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        print(f"error: out of memory ({str(error) or 'of this machine'})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m landscape", description=__doc__)
    stages = parser.add_subparsers(title="stages", required=True, metavar="STAGE")

    def stage(
        function: object, name: str, text: str, settings: bool = True
    ) -> argparse.ArgumentParser:
        added = stages.add_parser(name, help=text, description=text)
        added.add_argument(
            "--config",
            type=Path,
            action="append",
            metavar="FILE",
            help="settings laid over config.yaml; may be repeated",
        )
        added.add_argument(
            "--results", type=Path, help="folder of the results (default: the configuration's)"
        )
        if settings:
            added.add_argument(
                "--settings", metavar="JSON", help="the stage's own settings instead of --config"
            )
        added.set_defaults(stage=function)
        return added

    stage(_dataset, "dataset", "fetch, verify and prepare the images")
    loaders = stage(_loaders, "loaders", "show what the batches are like", settings=False)
    loaders.add_argument("--output", type=Path, default=Path("samples.png"), help="sample grid")
    stage(_runs, "runs", "list the training runs of a configuration", settings=False)
    train = stage(_train, "train", "train and measure one run")
    train.add_argument("run", metavar="RUN", help="for example bands/vgg_a/lr0.001/seed0")
    train.add_argument("--threads", type=_count, help="CPU threads (default: torch's choice)")
    train.add_argument(
        "--checkpoint-seconds", type=float, help="between saves (default: the configuration's)"
    )
    aggregate = stage(_aggregate, "aggregate", "reduce a study's runs to its tables")
    aggregate.add_argument("study", choices=["bands", "probe", "mechanism", "network"])
    stage(_structure, "structure", "tabulate the layers of the final networks")
    mechanism = stage(_mechanism, "mechanism", "look into the weights that a run kept on its path")
    mechanism.add_argument("run", metavar="RUN", help="for example mechanism/vgg_a/lr0.1/seed0")
    mechanism.add_argument("--threads", type=_count, help="CPU threads (default: torch's)")
    inspecting = [mechanism]
    for name, text in (
        ("insight", "look into trained networks: filters, attributions, mistakes, robustness"),
        ("surface", "measure the loss around trained networks"),
    ):
        inspected = stage(_insight, name, text)
        inspected.add_argument(
            "--device", choices=["auto", "cuda", "cpu"], help="(default: the configuration's)"
        )
        inspected.add_argument("--threads", type=_count, help="CPU threads (default: torch's)")
        inspected.set_defaults(inspect=name)
        inspecting.append(inspected)
    figure = stage(_figure, "figure", "draw one figure from tables")
    figure.add_argument("name")
    stage(_report, "report", "typeset the report from tables and figures")
    watch = stage(_watch, "watch", "show all runs of a study, live", settings=False)
    watch.add_argument("--once", action="store_true", help="print the table once")
    estimate = stage(_estimate, "estimate", "say how long the runs to do will take")
    estimate.add_argument("--threads", type=_count, help="CPU threads of a run")
    estimate.add_argument(
        "planned", nargs="*", metavar="RUN", help="the runs to do (default: all not done)"
    )
    estimate.add_argument("--parallel", type=_count, default=1, help="runs side by side")
    bench = stage(_bench, "bench", "measure how fast this machine trains, and what that costs")
    bench.add_argument("--threads", type=_count, help="CPU threads (default: torch's choice)")
    bench.add_argument(
        "--rounds", type=_count, default=15, help="turns of each contender (default: 15)"
    )
    bench.add_argument(
        "--seconds", type=float, default=1.0, help="about one turn of a contender (default: 1)"
    )
    for added in (train, bench, *inspecting):
        added.add_argument(
            "--parallel",
            type=_count,
            default=1,
            help="jobs at a time; if they outnumber the GPUs, they share them (default: 1)",
        )
    schema = stages.add_parser("schema", help="print the JSON Schema of the settings, for editors")
    schema.set_defaults(stage=_schema)
    beside = "data: of the results folder that the weights lie in, or of --results"
    evaluate = stage(_evaluate, "evaluate", f"test a trained network ({beside})", settings=False)
    predict = stage(_predict, "predict", f"classify pictures ({beside})", settings=False)
    for added in (evaluate, predict):
        added.add_argument(
            "weights", type=Path, metavar="WEIGHTS", help="a run's model.safetensors, or its folder"
        )
    evaluate.add_argument("--device", choices=["auto", "cuda", "cpu"], default="auto")
    evaluate.add_argument("--threads", type=_count, help="CPU threads (default: torch's choice)")
    predict.add_argument(
        "pictures", type=Path, nargs="+", metavar="IMAGE", help="picture of any format and size"
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, not {text!r}")
    return int(text)


def _study(arguments: argparse.Namespace) -> "Study":
    from landscape.config.study import load_study

    return load_study([Path("config.yaml"), *(arguments.config or [])])


def _folder(arguments: argparse.Namespace) -> Path:
    return arguments.results or Path(_study(arguments).results)


def _dataset(arguments: argparse.Namespace) -> None:
    from landscape.config.study import Source, parse_settings
    from landscape.data.sources import registry as sources

    text = arguments.settings
    source = parse_settings(Source, text) if text else _study(arguments).data
    sources.prepare(source, _folder(arguments) / "data")


def _loaders(arguments: argparse.Namespace) -> None:
    from landscape.cli.show_batches import overview

    overview(_folder(arguments) / "data", _study(arguments).bands.batch_size, arguments.output)


def _runs(arguments: argparse.Namespace) -> None:
    for run in _study(arguments).all_runs:
        print(run.id)


def _train(arguments: argparse.Namespace) -> None:
    from landscape.config.runs import PlainRun, Run
    from landscape.config.study import parse_settings
    from landscape.runtime import slurm
    from landscape.runtime.locks.run import lock_run

    text, seconds = arguments.settings, arguments.checkpoint_seconds
    run: Run | PlainRun
    if text is None:
        study = _study(arguments)
        run = study.run(arguments.run)
        seconds = study.checkpoint_seconds if seconds is None else seconds
    elif arguments.run.startswith("network/plain/"):
        run = parse_settings(PlainRun, text)
    else:
        run = parse_settings(Run, text)
    results = _folder(arguments)
    options = (results, arguments.threads, *([] if seconds is None else [seconds]))
    with (
        slurm.requeued(),
        lock_run(results, run.id) as waited,
        _gpu(arguments, run.device, run.id),
    ):
        if waited:  # for a process that may have done it all
            from landscape.provenance.up_to_date import is_done

            if is_done(run, results):
                return
        if isinstance(run, PlainRun):
            from landscape.plain import job as plain_job

            plain_job.train(run, *options)
        else:
            from landscape.training import job

            job.train(run, *options)


def _gpu(arguments: argparse.Namespace, device: str, holder: str) -> AbstractContextManager[None]:
    """A GPU of this process's own, where there are GPUs to hand out; before torch is imported."""
    from landscape.runtime.locks.gpu import lock_gpu

    if device == "cpu":
        return nullcontext()
    return lock_gpu(holder, arguments.parallel)


def _aggregate(arguments: argparse.Namespace) -> None:
    from landscape.config.bands import Bands
    from landscape.config.probe import Probe
    from landscape.config.study import parse_settings
    from landscape.tables import bands_and_probe

    text, results = arguments.settings, _folder(arguments)
    if arguments.study == "network":
        from landscape.tables.network_study import aggregate_network

        aggregate_network(_network(arguments), results)
    elif arguments.study == "bands":
        bands = parse_settings(Bands, text) if text else _study(arguments).bands
        bands_and_probe.aggregate_bands(bands, results)
    else:
        probe = parse_settings(Probe, text) if text else _study(arguments).probe
        bands_and_probe.aggregate_probe(probe, results)


def _structure(arguments: argparse.Namespace) -> None:
    from landscape.tables import layers

    layers.tabulate_structure(_network(arguments), _folder(arguments))


def _network(arguments: argparse.Namespace) -> "NetworkStudy":
    from landscape.config.network_study import NetworkStudy
    from landscape.config.study import parse_settings

    if arguments.settings:
        return parse_settings(NetworkStudy, arguments.settings)
    network = _study(arguments).network
    if network is None:
        raise UserError("the configuration has no section network, so there is nothing to do")
    return network


def _insight(arguments: argparse.Namespace) -> None:
    from landscape.config.network_study import Insight
    from landscape.config.study import parse_settings

    text, device = arguments.settings, arguments.device
    inspected: Insight | None
    if text:
        inspected, device = parse_settings(Insight, text), device or "auto"
    else:
        study = _study(arguments)
        inspected, device = study.inspected, device or study.device
    if inspected is None:
        raise UserError("network.insight: this configuration has none")
    with _gpu(arguments, device, arguments.inspect):
        from landscape.insight import run

        stages = {"insight": run.collect, "surface": run.collect_surfaces}
        stages[arguments.inspect](inspected, _folder(arguments), device, arguments.threads)


def _mechanism(arguments: argparse.Namespace) -> None:
    from landscape.config.study import Study, parse_settings

    text = arguments.settings
    study = parse_settings(Study, text) if text else _study(arguments)
    run = study.run(arguments.run)
    if study.mechanism is None or run.id not in study.mechanism.path_ids:
        raise UserError(f"{run.id}: no run of the mechanism study that keeps its weights")
    with _gpu(arguments, study.device, run.id):
        from landscape.config.runs import Run
        from landscape.insight import mechanism

        assert isinstance(run, Run)
        mechanism.collect(run, study.mechanism, _folder(arguments), arguments.threads)


def _figure(arguments: argparse.Namespace) -> None:
    from landscape.config.study import Figures, parse_settings
    from landscape.figures import draw

    text, results = arguments.settings, _folder(arguments)
    settings = parse_settings(Figures, text) if text else _study(arguments).figures
    base = results / "figures" / arguments.name
    draw.draw(arguments.name, results, settings, base.with_suffix(".png"), base.with_suffix(".pdf"))


def _report(arguments: argparse.Namespace) -> None:
    from landscape.config.study import Study, parse_settings
    from landscape.report import build

    text, results = arguments.settings, _folder(arguments)
    study = parse_settings(Study, text) if text else _study(arguments)
    build.build(results, study, results / "report.pdf")


def _watch(arguments: argparse.Namespace) -> None:
    from landscape.cli import status

    status.watch(_study(arguments).all_runs, _folder(arguments), arguments.once)


def _estimate(arguments: argparse.Namespace) -> None:
    from landscape.cli import estimate
    from landscape.config.study import Study, parse_settings

    text = arguments.settings
    study = parse_settings(Study, text) if text else _study(arguments)
    results = arguments.results or Path(study.results)
    estimate.announce(
        study.all_runs, results, arguments.threads, arguments.parallel, arguments.planned or None
    )


def _bench(arguments: argparse.Namespace) -> None:
    from landscape.config.study import Study, parse_settings

    text = arguments.settings
    study = parse_settings(Study, text) if text else _study(arguments)
    results = arguments.results or Path(study.results)
    with _gpu(arguments, study.device, "bench"):
        from landscape.bench import collect

        collect.bench(study, results, arguments.threads, arguments.rounds, arguments.seconds)


def _schema(arguments: argparse.Namespace) -> None:
    import json

    from landscape.config.json_schema import json_schema

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))


def _evaluate(arguments: argparse.Namespace) -> None:
    from landscape.trained.evaluate import evaluate

    evaluate(arguments.weights, _data(arguments), arguments.device, arguments.threads)


def _predict(arguments: argparse.Namespace) -> None:
    from landscape.trained.predict import predict

    predict(arguments.weights, arguments.pictures, _data(arguments))


def _data(arguments: argparse.Namespace) -> Path | None:
    """The prepared data of the results folder that is asked for; None if none is."""
    asked = arguments.results or arguments.config
    return _folder(arguments) / "data" if asked else None
