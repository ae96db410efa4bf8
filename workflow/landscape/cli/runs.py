"""The stages of the runs: list them, train one, watch all, estimate their time."""

from pathlib import Path

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
    study_of,
)
from landscape.config.runs import PlainRun, Run


def add(stages: Stages) -> None:
    add_stage(stages, _runs, "runs", "list the runs of a configuration", settings=False)
    train = add_stage(stages, _train, "train", "train and measure one run")
    train.add_argument("run", metavar="RUN", help="for example bands/vgg_a/lr0.001/seed0")
    train.add_argument("--again", action="store_true", help="even if it is finished")
    train.add_argument(
        "--checkpoint-seconds", type=float, help="between saves (default: the configuration's)"
    )
    add_threads(train)
    add_parallel(train)
    status = add_stage(stages, _status, "status", "show all runs of a study, live", settings=False)
    status.add_argument("--once", action="store_true", help="print the table once")
    estimate = add_stage(stages, _estimate, "estimate", "estimate how long the remaining runs take")
    estimate.add_argument("--threads", type=count, help="CPU threads of a run")
    estimate.add_argument(
        "planned",
        nargs="*",
        metavar="RUN",
        help="the remaining runs (default: all not done)",
    )
    estimate.add_argument("--parallel", type=count, default=1, help="runs at the same time")
    schema = stages.add_parser("schema", help="print the JSON Schema of the settings, for editors")
    schema.set_defaults(stage=_schema)


def _runs(arguments: Arguments) -> None:
    from landscape.tables.tuning import runs_in

    for run in runs_in(results_of(arguments), study_of(arguments)):
        print(run.id)


def _schema(arguments: Arguments) -> None:
    import json

    from landscape.config.json_schema import json_schema

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))


def _train(arguments: Arguments) -> None:
    from landscape.cli.studies import prepared_images
    from landscape.config.images import require_images
    from landscape.provenance.up_to_date import is_whole
    from landscape.runtime import slurm
    from landscape.runtime.locks.run import lock_run

    run, seconds = _wanted(arguments)
    results = results_of(arguments)
    if (images := prepared_images(results)) is not None:
        require_images([run], images)
    with slurm.requeued(), lock_run(results, run.id):
        if not arguments.again and is_whole(run, results):
            print(f"{run.id}: already finished, {_ending(run, results)}; --again trains it again")
            return
        with gpu(arguments, run.device, run.id):
            options = (results, arguments.threads, *([] if seconds is None else [seconds]))
            if isinstance(run, PlainRun):
                from landscape.plain import job as plain_job

                plain_job.train(run, *options)
            else:
                from landscape.training import job

                job.train(run, *options)
        print(f"{run.id}: {_ending(run, results)}; its files are in {results / run.id}")


def _wanted(arguments: Arguments) -> tuple[Run | PlainRun, float | None]:
    """The requested run, and the seconds between its saves."""
    from landscape.config.study import parse_settings

    text, seconds = arguments.settings, arguments.checkpoint_seconds
    if text is None:
        study = study_of(arguments)
        return study.run(arguments.run), study.checkpoint_seconds if seconds is None else seconds
    if arguments.run.startswith("network/plain/"):
        return parse_settings(PlainRun, text), seconds
    return parse_settings(Run, text), seconds


def _ending(run: Run | PlainRun, results: Path) -> str:
    """How a run ended: the step at which it diverged, or its accuracy."""
    from landscape.storage.files import read_json

    done = read_json(results / run.id / "run.json")
    if done["status"] == "diverged":
        return f"diverged at step {done['diverged_at_step']:,}"
    accuracy = done["test_accuracy"]
    said = f"completed {done['steps']:,} steps"
    return said if accuracy is None else f"{said}, test accuracy {100 * accuracy:.2f} %"


def _status(arguments: Arguments) -> None:
    from landscape.cli import status

    status.show(study_of(arguments), results_of(arguments), arguments.once)


def _estimate(arguments: Arguments) -> None:
    import time

    import pandas  # noqa: F401
    import torch  # noqa: F401

    begun = time.monotonic()  # in a job, the worker has imported these
    from landscape.cli import estimate
    from landscape.config.study import Study

    study = settings_of(arguments, Study, lambda whole: whole, "")
    results = arguments.results or Path(study.results)
    estimate.announce(
        study, results, arguments.threads, arguments.parallel, arguments.planned or None, begun
    )
