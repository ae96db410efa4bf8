"""A trained network as a folder for a model hub: weights, settings, program and card."""

import shutil
import warnings
from pathlib import Path

import torch
from torch import nn

from landscape.data.batches import normalized
from landscape.errors import UserError
from landscape.export.card import card
from landscape.storage.files import read_json, write_bytes, write_json
from landscape.trained.load import load

PROGRAM = "model.pt2"
EXAMPLES = 2  # images with which the program is traced; it accepts any number


class Classifier(nn.Module):
    """Pixels uint8 [N, 3, 32, 32] → class probabilities [N, C]: normalization, network, softmax."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(normalized(pixels))
        return logits.softmax(1)


def export_model(run_folder: Path, target: Path) -> list[Path]:
    """Write the network of a finished run to the folder `target`; returns the files.

    model.safetensors: the weights; config.json: the run's settings and class names; model.pt2: the
    complete classifier as a torch.export program, which needs torch but not this package;
    README.md: the model card.
    """
    run, network = load(run_folder)
    record = read_json(run_folder / "run.json")
    if record["test_accuracy"] is None:
        raise UserError(
            f"{run_folder}: this run was not tested, so its card would have no accuracy"
        )
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run_folder / "model.safetensors", target / "model.safetensors")
    write_json(
        target / "config.json",
        {"architecture": run.architecture.model_dump(mode="json"), "run": record["run"]}
        | {"class_names": record["class_names"], "input": "uint8 [N, 3, 32, 32], RGB"},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch's, about weights that share storage
        torch.export.save(program(network), target / PROGRAM)
    write_bytes(target / "README.md", card(run_folder, record).encode())
    names = ("model.safetensors", "config.json", PROGRAM, "README.md")
    return [target / name for name in names]


def program(network: nn.Module) -> torch.export.ExportedProgram:
    """The classifier for any number of images."""
    pixels = torch.zeros(EXAMPLES, 3, 32, 32, dtype=torch.uint8)
    shapes = {"pixels": {0: torch.export.Dim("images", min=1)}}
    return torch.export.export(Classifier(network).eval(), (pixels,), dynamic_shapes=shapes)
