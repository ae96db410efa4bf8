"""The stages of the images: prepare them, and show the batches that networks see."""

from pathlib import Path

from landscape.cli.arguments import (
    Arguments,
    Stages,
    add_stage,
    results_of,
    settings_of,
    study_folder,
    study_of,
    wrote,
)

BATCH_SIZE = 128  # batch size without a bands section


def add(stages: Stages) -> None:
    add_stage(stages, _dataset, "dataset", "fetch, verify and prepare the images")
    batches = add_stage(
        stages, _show_batches, "show-batches", "show what the batches are like", settings=False
    )
    batches.add_argument(
        "--output",
        type=Path,
        help="the image of samples (default: samples.png in the results)",
    )


def _dataset(arguments: Arguments) -> None:
    from landscape.config.study import Source
    from landscape.data.sources import registry as sources

    source = settings_of(arguments, Source, lambda study: study.data, "data")
    folder = results_of(arguments) / "data"
    sources.prepare(source, folder)
    wrote(folder / "dataset.json")


def _show_batches(arguments: Arguments) -> None:
    from landscape.cli.show_batches import overview

    folder, bands = study_folder(arguments), study_of(arguments).bands
    output = arguments.output or folder / "samples.png"
    wrote(*overview(folder / "data", bands.batch_size if bands else BATCH_SIZE, output))
