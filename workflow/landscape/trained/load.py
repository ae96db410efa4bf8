"""A trained network, rebuilt from the files of its run."""

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from pydantic import ValidationError
from safetensors import SafetensorError

from landscape.config.mistakes import described
from landscape.config.runs import Run
from landscape.errors import UserError
from landscape.models import registry as models
from landscape.models.network import Network
from landscape.storage.files import read_json, require_recorded

Tensors = Mapping[str, torch.Tensor]
PLAIN = "network/plain/"  # the folder of runs of the network of plain tensors
SHOWN = 3  # names that an error lists


def load(folder: Path, device: torch.device | str = "cpu") -> tuple[Run, Network]:
    """The run in `folder` and its network with the saved weights, in evaluation mode on `device`.

    Only run.json and model.safetensors are read. Weights that belong to another network, are not
    finite, or come from a run that diverged are refused.
    """
    run = read_run(folder / "run.json")
    path = folder / "model.safetensors"
    require_recorded(path, read_json(folder / "run.json"))
    weights = _read_weights(path)
    model = models.build(run.architecture, run.seed)
    _require_same(path, run, weights, model.state_dict())
    _require_finite(path, weights)
    model.load_state_dict(dict(weights))
    model.to(device).to(memory_format=torch.channels_last)
    return run, model.eval()


def read_run(path: Path) -> Run:
    """The settings of a completed run, from its run.json."""
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("run"), dict):
        raise UserError(f"{path}: run must be an object with the settings of a training run")
    if "architecture" not in content["run"] and str(content.get("id", "")).startswith(PLAIN):
        raise UserError(f"{path}: the network of plain tensors is not rebuilt from its weights")
    try:
        run = Run.model_validate(content["run"])
    except ValidationError as error:
        raise UserError(described(f"{path}: run", error, Run)) from None
    status = content.get("status")
    if status == "diverged":
        step = content.get("diverged_at_step")
        raise UserError(f"{path}: status is diverged (at step {step}); there is no trained network")
    if status != "completed":
        raise UserError(f"{path}: status must be completed, not {status!r}")
    return run


def diverged(folder: Path) -> bool:
    """Whether the run in `folder` ended without a trained network."""
    content = read_json(folder / "run.json")
    return isinstance(content, dict) and content.get("status") == "diverged"


def _read_weights(path: Path) -> Tensors:
    try:
        weights: Tensors = safetensors.torch.load_file(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; train the run again") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as safetensors ({error})") from None
    return weights


def _require_same(path: Path, run: Run, found: Tensors, expected: Tensors) -> None:
    """Refuse weights whose names, shapes or types are not those of the run's network."""
    differences: list[str] = []
    if missing := sorted(expected.keys() - found.keys()):
        differences.append(f"lack {_listed(missing)}")
    if unknown := sorted(found.keys() - expected.keys()):
        differences.append(f"have {_listed(unknown)}, which it does not have")
    for name in sorted(expected.keys() & found.keys()):
        ours, theirs = _described(expected[name]), _described(found[name])
        if ours != theirs:
            differences.append(f"hold {name} as {theirs} instead of {ours}")
    if differences:
        raise UserError(
            f"{path}: these are not the weights of the {run.architecture.name} that run.json "
            f"describes: they {'; '.join(differences[:SHOWN])}"
        )


def _require_finite(path: Path, weights: Tensors) -> None:
    broken = [name for name, value in weights.items() if not bool(value.isfinite().all())]
    if broken:
        raise UserError(f"{path}: {_listed(sorted(broken))} must be finite, but have NaN or inf")


def _described(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
