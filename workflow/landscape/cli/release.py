"""The stages of a finished study: publish, redraw, verify, export."""

from pathlib import Path

from landscape.cli.arguments import (
    Arguments,
    Stages,
    add_stage,
    count,
    study_folder,
    study_of,
    wrote,
)
from landscape.errors import UserError


def add(stages: Stages) -> None:
    release = add_stage(
        stages, _release, "release", "pack a finished study into one archive", settings=False
    )
    release.add_argument("target", type=Path, help="a .tar or .tar.gz file, or a folder")
    release.add_argument(
        "--light",
        action="store_true",
        help="without weights and the PDFs of figures",
    )
    rebuild = add_stage(
        stages, _rebuild, "rebuild", "redraw a release's figures and report", settings=False
    )
    rebuild.add_argument("release", type=Path, help="an archive or a folder made by `release`")
    verify = add_stage(stages, _verify, "verify", "check a release and its runs", settings=False)
    verify.add_argument("release", type=Path, help="a folder made by `release`")
    verify.add_argument("--data", metavar="PATH", help="a copy of CIFAR-10 (default: the source's)")
    verify.add_argument("--steps", type=count, default=100, help="to train again (default: 100)")
    verify.add_argument(
        "--without-training", action="store_true", help="check files, records and tables only"
    )
    export = add_stage(
        stages,
        _export,
        "export",
        "write finished runs in another format",
        settings=False,
    )
    export.add_argument("format", choices=["tensorboard", "json", "model"])
    export.add_argument("target", type=Path, help="the folder to write; for json, the file")
    export.add_argument("--run", metavar="RUN", help="for model: the run whose network to export")


def _release(arguments: Arguments) -> None:
    from landscape.release.pack import pack

    results = study_folder(arguments)
    files = pack(study_of(arguments), results, arguments.target, arguments.light)
    print(f"wrote {arguments.target}: {files} files with their checksums")


def _rebuild(arguments: Arguments) -> None:
    from landscape.release.rebuild import rebuild

    stem = arguments.release.name.removesuffix(".gz").removesuffix(".tar")
    results = arguments.results or Path("results") / stem
    made, kept = rebuild(arguments.release, results)
    wrote(*made)
    for path in kept:
        print(f"kept {path}: its tables are not part of the release")


def _verify(arguments: Arguments) -> None:
    from landscape.release import verify

    for check in (verify.verify_files, verify.verify_records, verify.verify_tables):
        print(check(arguments.release), flush=True)
    if not arguments.without_training:
        from landscape.release.repeat import repeat

        for said in repeat(arguments.release, arguments.data, arguments.steps):
            print(said, flush=True)
    print(f"{arguments.release} is verified")


def _export(arguments: Arguments) -> None:
    results, target = study_folder(arguments), arguments.target
    if arguments.format == "model":
        if arguments.run is None:
            raise UserError("export model: --run must name a run, as network/final/fast/seed0")
        from landscape.export.model_folder import export_model

        wrote(*export_model(results / arguments.run, target))
    elif arguments.format == "json":
        from landscape.export.json_lines import export_json_lines

        print(f"wrote {target}: {export_json_lines(results, target)} runs")
    else:
        from landscape.export.tensorboard import export_tensorboard

        runs = export_tensorboard(results, target)
        print(f"wrote {target}: {runs} runs; show them with `tensorboard --logdir {target}`")
