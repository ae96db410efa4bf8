"""One step of the networks that are too large for the miniature, from the configuration's text."""

import pytest
import torch
from safetensors.torch import save_file

from landscape.config.study import load_study
from landscape.data.batches import Batches, normalized
from landscape.data.dataset import Images as Labelled
from landscape.training.trajectory import State, trajectory
from oracle.comparing import require_close, require_initial_weights, require_updates
from oracle.miniature import CONFIG
from oracle.naive import measures, runs, training
from oracle.naive.images import Images
from support.artefacts import ROOT

IMAGES = 6


@pytest.mark.parametrize("name", ["speedrun", "resnet18"])
def test_one_step_of(name, tmp_path):
    folder = f"network/final/{name}/seed0"
    source = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (IMAGES, 3, 32, 32), generator=source, dtype=torch.uint8)
    images = Labelled(pixels, torch.arange(IMAGES))
    (tmp_path / "data").mkdir()
    for part in ("train", "test"):
        tensors = {"pixels": images.pixels, "labels": images.labels}
        save_file(tensors, tmp_path / f"data/{part}.safetensors")
    run = load_study([ROOT / "config.yaml"]).run(folder)
    run = run.model_copy(update={"precision": "float32"})  # `auto` may be bfloat16
    state = State(run, torch.device("cpu"), sample=normalized(images.pixels))
    batches = Batches(images, run.batch_size, run.seed, "cpu", run.augmentation)
    saved = _now(state)
    (step,) = trajectory(run, state, batches, 1)
    saved |= _now(state)

    settings = {**runs.runs(CONFIG)[folder], "split": {}, "steps": 1}
    walk = training.Walk(saved, settings, Images(tmp_path, {}))
    rows, updates = measures.steps(walk, 1)
    require_initial_weights(walk)
    require_updates(walk, updates)
    require_close([(float(step.loss), rows[0]["loss"])], "loss", 1e-4, 1e-4)


def _now(state):
    weights = state.model.state_dict().items()
    return {f"{state.step}/{name}": value.clone() for name, value in weights}
