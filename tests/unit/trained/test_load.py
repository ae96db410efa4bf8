"""A saved network is rebuilt exactly, or refused with the reason."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from landscape.config.architectures import Compact, Vgg
from landscape.config.recipes import Optimizer
from landscape.config.runs import Run, Split
from landscape.data.batches import Batches
from landscape.data.dataset import load as load_images
from landscape.errors import UserError
from landscape.measure.accuracy import evaluate
from landscape.models import registry as models
from landscape.trained import load
from landscape.training import job


def settings(architecture=None, **changes):
    architecture = architecture or Vgg(name="vgg_a_bn", width=0.05)
    return Run(
        **{
            "study": "network",
            "name": "final/tiny",
            "seed": 3,
            "architecture": architecture,
            "optimizer": Optimizer(),
            "learning_rate": 0.001,
            "batch_size": 50,
            "epochs": 1,
            "split": Split(train_images=100),
            "device": "cpu",
            "precision": "float32",
            **changes,
        }
    )


@pytest.fixture
def folder(tmp_path):
    """A completed run as job.py leaves it, untrained; every test changes one thing about it."""
    run = settings()
    model = models.build(run.architecture, run.seed)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    write(tmp_path, run=json.loads(run.model_dump_json()), status="completed")
    return tmp_path


def write(folder, **content):
    (folder / "run.json").write_text(json.dumps(content), "utf-8")


def rewrite(folder, **changes):
    content = json.loads((folder / "run.json").read_text("utf-8"))
    write(folder, **{**content, **changes})


def alter(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")


def test_a_trained_run_has_the_accuracy_that_it_was_recorded_with(results, tmp_path):
    (tmp_path / "data").symlink_to(results / "data")
    run = settings(average_decay=0.9)
    job.train(run, tmp_path, threads=None)
    found, model = load.load(tmp_path / run.id)
    said = json.loads((tmp_path / run.id / "run.json").read_text("utf-8"))
    loss, accuracy = evaluate(model, Batches(load_images(results / "data", "test"), 500))
    assert found == run
    assert accuracy == said["test_accuracy"]
    assert loss == pytest.approx(said["test_loss"], rel=1e-5)
    assert not any(module.training for module in model.modules())


@pytest.mark.parametrize("architecture", [Vgg(name="vgg_a_bn", width=0.05), Compact(width=0.2)])
def test_weights_and_buffers_are_the_saved_ones(folder, architecture):
    run = settings(architecture)
    model = models.build(run.architecture, seed=99)  # not the run's seed
    model(torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    save_file(model.state_dict(), folder / "model.safetensors")
    rewrite(folder, run=json.loads(run.model_dump_json()))
    _, found = load.load(folder, torch.device("cpu"))
    for name, value in model.state_dict().items():
        assert torch.equal(found.state_dict()[name], value), name


@pytest.mark.parametrize("name", ["run.json", "model.safetensors"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(UserError, match=rf"{name}: no such file"):
        load.load(folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([1, 2], "run must be an object"),
        ({"status": "completed"}, "run must be an object"),
        ({"run": {"seed": 0}, "status": "completed"}, "architecture: Field required"),
        ({"run": {}, "status": "completed"}, r"run\.json: run is not valid"),
    ],
)
def test_what_is_no_run_is_refused(folder, content, said):
    (folder / "run.json").write_text(json.dumps(content), "utf-8")
    with pytest.raises(UserError, match=said):
        load.load(folder)


def test_a_run_that_diverged_or_did_not_end_is_refused(folder):
    rewrite(folder, status="diverged", diverged_at_step=17)
    with pytest.raises(UserError, match=r"run\.json: status is diverged \(at step 17\)"):
        load.load(folder)
    rewrite(folder, status=None)
    with pytest.raises(UserError, match="status must be completed, not None"):
        load.load(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.pop("features.0.weight"), r"they lack features\.0\.weight$"),
        (lambda w: w.update(more=torch.zeros(1)), "they have more, which it does not have"),
        (
            lambda w: w.update({"features.0.bias": torch.zeros(7)}),
            r"hold features\.0\.bias as float32 \[7\] instead of float32 \[3\]",
        ),
        (
            lambda w: w.update({"features.0.bias": w["features.0.bias"].double()}),
            "float64",
        ),
    ],
)
def test_weights_of_another_model_are_refused(folder, change, said):
    alter(folder, change)
    with pytest.raises(UserError, match=said):
        load.load(folder)


def test_weights_of_another_architecture_are_named_in_short(folder):
    rewrite(folder, run=json.loads(settings(Compact(width=0.2)).model_dump_json()))
    with pytest.raises(UserError, match=r"not the weights of the compact.*and \d+ more") as error:
        load.load(folder)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["features.0.weight", "features.1.running_var"])
def test_weights_that_are_not_finite_are_refused(folder, name, value):
    alter(folder, lambda weights: weights[name].view(-1)[0].fill_(value))
    with pytest.raises(UserError, match=rf"{name} must be finite"):
        load.load(folder)


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", None])
def test_a_damaged_file_is_named(folder, content):
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-9] if content is None else content)
    with pytest.raises(UserError, match=r"model\.safetensors: not readable as safetensors"):
        load.load(folder)


def test_the_network_of_plain_tensors_is_refused_by_name(tmp_path):
    content = {"id": "network/plain/seed0", "status": "completed", "run": {"filters": 4}}
    (tmp_path / "run.json").write_text(json.dumps(content), "utf-8")
    with pytest.raises(UserError, match="plain tensors"):
        load.read_run(tmp_path / "run.json")
