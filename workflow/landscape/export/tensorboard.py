"""Event files for TensorBoard: curves of every run, hyperparameters with results, and figures."""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from torch.utils.tensorboard.summary import hparams
from torch.utils.tensorboard.writer import SummaryWriter

from landscape.errors import UserError
from landscape.export.runs import FinishedRun, finished_runs, measures, metrics, settings

MARK = ".exported"  # marks a folder that this module wrote


def export_tensorboard(results: Path, target: Path) -> int:
    """Write event files into `target`, one folder per run; returns the number of runs.

    An earlier export in `target` is replaced, because event files can only grow.
    """
    if target.exists() and any(target.iterdir()) and not (target / MARK).exists():
        raise UserError(f"{target}: not empty and not an export; name a new folder")
    runs = list(finished_runs(results))
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    (target / MARK).touch()
    for run in runs:
        _write_run(run, target / run.id)
    _write_figures(results / "figures", target / "figures")
    return len(runs)


def _write_run(run: FinishedRun, folder: Path) -> None:
    numbers = metrics(run.record)
    with SummaryWriter(str(folder)) as writer:
        for name in measures(run.steps, "step"):
            known = run.steps[["step", name]].dropna()
            for step, value in zip(known["step"], known[name], strict=True):
                writer.add_scalar(f"steps/{name}", value, int(step))
        for name in measures(run.epochs, "epoch"):
            known = run.epochs[["epoch", name]].dropna()
            for epoch, value in zip(known["epoch"], known[name], strict=True):
                writer.add_scalar(f"epochs/{name}", value, int(epoch))
        table = hparams(settings(run.record), dict.fromkeys(numbers, 0.0))  # type: ignore[no-untyped-call]
        for summary in table:
            writer._get_file_writer().add_summary(summary)
        for name, value in numbers.items():
            writer.add_scalar(name, value)


def _write_figures(figures: Path, folder: Path) -> None:
    paths = sorted(figures.glob("*.png"))
    if not paths:
        return
    with SummaryWriter(str(folder)) as writer:
        for path in paths:
            with Image.open(path) as image:
                writer.add_image(path.stem, np.array(image.convert("RGB")), dataformats="HWC")
