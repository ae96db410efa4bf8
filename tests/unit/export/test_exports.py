"""Exports, read back with the other tools' own readers."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from landscape.cli.main import main
from landscape.data.batches import normalized
from landscape.trained.load import load
from support.tiny import PROBE, RUN


def export(*arguments: str | Path) -> int:
    return main(["export", *map(str, arguments)])


def test_tensorboard_reads_every_value_of_the_tables(undisturbed, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    assert export("tensorboard", tmp_path / "events", "--results", undisturbed) == 0
    events = accumulator.EventAccumulator(str(tmp_path / "events" / PROBE)).Reload()
    steps = pd.read_parquet(undisturbed / PROBE / "steps.parquet")
    curve = events.Scalars("steps/loss")
    assert [event.step for event in curve] == list(steps["step"])
    assert [event.value for event in curve] == pytest.approx(list(steps["loss"]))
    distances = events.Scalars("steps/gradient_distance")
    assert [event.step for event in distances] == list(steps["step"][1:])  # none at step 0
    record = json.loads((undisturbed / PROBE / "run.json").read_text())
    assert events.Scalars("test_accuracy")[0].value == pytest.approx(record["test_accuracy"])
    assert "_hparams_/session_start_info" in events.summary_metadata


def test_tensorboard_shows_the_figures(undisturbed, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    results = Path(shutil.copytree(undisturbed, tmp_path / "results"))
    (results / "figures").mkdir(exist_ok=True)
    Image.new("RGB", (4, 3), "teal").save(results / "figures/loss_landscape.png")
    assert export("tensorboard", tmp_path / "events", "--results", results) == 0
    events = accumulator.EventAccumulator(str(tmp_path / "events/figures")).Reload()
    (image,) = events.Images("loss_landscape")
    assert (image.width, image.height) == (4, 3)


def test_an_export_replaces_an_earlier_one_and_nothing_else(undisturbed, tmp_path, capsys):
    pytest.importorskip("tensorboard")
    target = tmp_path / "events"
    for _ in range(2):
        assert export("tensorboard", target, "--results", undisturbed) == 0
    assert len(list((target / RUN).glob("events.*"))) == 1
    (tmp_path / "thesis.txt").write_text("years")
    assert export("tensorboard", tmp_path, "--results", undisturbed) == 1
    assert "not empty and not an export" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").exists()


def test_json_lines_hold_runs_steps_and_epochs(undisturbed, tmp_path):
    assert export("json", tmp_path / "runs.jsonl", "--results", undisturbed) == 0
    lines = [json.loads(line) for line in (tmp_path / "runs.jsonl").read_text().splitlines()]
    (run,) = (line for line in lines if line["kind"] == "run" and line["run"] == RUN)
    assert run["settings"]["optimizer.name"] == "adam"
    assert run["settings"]["architecture.name"] == RUN.split("/")[1]
    steps = [line for line in lines if line["kind"] == "step" and line["run"] == RUN]
    table = pd.read_parquet(undisturbed / RUN / "steps.parquet")
    assert [line["loss"] for line in steps] == list(table["loss"])
    assert "gradient_distance" not in steps[0]  # has none, and says none


@pytest.mark.slow
def test_a_model_folder_works_without_this_package(undisturbed, tmp_path):
    """The program, loaded by a Python that cannot import landscape, answers as the network."""
    target = tmp_path / "model"
    assert export("model", target, "--run", RUN, "--results", undisturbed) == 0
    pixels = torch.randint(0, 256, (5, 3, 32, 32), dtype=torch.uint8)
    torch.save(pixels, tmp_path / "pixels.pt")
    program = (
        "import sys, torch\n"
        "sys.modules['landscape'] = None\n"
        "model = torch.export.load('model/model.pt2').module()\n"
        "torch.save(model(torch.load('pixels.pt')), 'answer.pt')\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    _, network = load(undisturbed / RUN)
    with torch.no_grad():
        expected = network(normalized(pixels)).softmax(1)
    torch.testing.assert_close(torch.load(tmp_path / "answer.pt"), expected)
    weights = load_file(target / "model.safetensors")
    assert weights.keys() == network.state_dict().keys()


def test_a_card_says_data_accuracy_cost_and_limits(undisturbed, tmp_path):
    assert export("model", tmp_path / "model", "--run", RUN, "--results", undisturbed) == 0
    said = (tmp_path / "model/README.md").read_text()
    record = json.loads((undisturbed / RUN / "run.json").read_text())
    assert f"| {100 * record['test_accuracy']:.2f} % (one seed) |" in said
    assert f"trained on {record['train_images']} images of demo shapes." in said
    assert record["class_names"][3] in said
    assert str(undisturbed) not in said


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["model", "x"], "--run must name a run"),
        (["model", "x", "--run", "bands/none"], "bands/none/run.json: no such file"),
    ],
)
def test_what_cannot_be_exported_is_named(undisturbed, tmp_path, capsys, arguments, reason):
    assert export(*arguments, "--results", undisturbed) == 1
    assert reason in capsys.readouterr().err
