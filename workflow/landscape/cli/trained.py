"""The stages that use a trained network: test it, and classify pictures with it."""

from pathlib import Path

from landscape.cli.arguments import Arguments, Stages, add_stage, add_threads, study_folder
from landscape.errors import UserError


def add(stages: Stages) -> None:
    data = "data: in the results folder of the weights, or in --results"
    evaluate = add_stage(
        stages, _evaluate, "evaluate", f"test a trained network ({data})", settings=False
    )
    predict = add_stage(stages, _predict, "predict", f"classify pictures ({data})", settings=False)
    for stage in (evaluate, predict):
        stage.add_argument(
            "weights", type=Path, metavar="WEIGHTS", help="a run's model.safetensors, or its folder"
        )
    evaluate.add_argument("--device", choices=["auto", "cuda", "cpu"], default="auto")
    add_threads(evaluate)
    predict.add_argument(
        "pictures", type=Path, nargs="+", metavar="IMAGE", help="a picture of any format and size"
    )


def _evaluate(arguments: Arguments) -> None:
    _require_weights(arguments.weights)
    from landscape.trained.evaluate import evaluate

    evaluate(arguments.weights, _data(arguments), arguments.device, arguments.threads)


def _predict(arguments: Arguments) -> None:
    _require_weights(arguments.weights)
    from landscape.trained.predict import predict

    predict(arguments.weights, arguments.pictures, _data(arguments))


def _require_weights(weights: Path) -> None:
    """Check, before torch is imported, that there is a trained network; otherwise name one."""
    from landscape.cli.studies import example

    if not weights.exists():
        raise UserError(f"{weights}: no such file or folder{example()}")
    if weights.is_dir() and not (weights / "run.json").exists():
        raise UserError(f"{weights}: not the folder of a run, run.json is missing{example()}")


def _data(arguments: Arguments) -> Path | None:
    """The prepared data of the requested results folder; None if none is requested."""
    asked = arguments.results or arguments.config
    return study_folder(arguments) / "data" if asked else None
