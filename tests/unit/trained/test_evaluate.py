"""What is said of a trained network: the numbers are the measures', the errors are sentences."""

import pytest
import torch
from safetensors.torch import save

from landscape.cli.main import main
from landscape.config.architectures import ConvNet
from landscape.config.recipes import Optimizer
from landscape.config.runs import Run, Split
from landscape.data import dataset
from landscape.data.batches import Batches
from landscape.errors import UserError
from landscape.measure import accuracy
from landscape.measure.flops import forward_flops
from landscape.models import registry as models
from landscape.storage.files import write_bytes, write_json
from landscape.trained import evaluate, load
from support.artefacts import start

CPU = torch.device("cpu")
RUN = Run(
    study="network",
    name="tiny",
    architecture=ConvNet(filters=1, neurons=2),
    learning_rate=0.1,
    optimizer=Optimizer(name="sgd"),
    batch_size=32,
    epochs=1,
    seed=0,
    split=Split(),
    device="cpu",
    precision="float32",
)


def write_run(folder, data):
    folder.mkdir(parents=True)
    network = models.build(RUN.architecture, RUN.seed)
    write_bytes(folder / "model.safetensors", save(network.state_dict()))
    written = {"run": RUN.model_dump(mode="json"), "status": "completed", "data": data}
    write_json(folder / "run.json", written)
    return folder / "model.safetensors"


@pytest.fixture
def weights(results, tmp_path):
    """Weights in a results folder with the demo data in it."""
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "data").symlink_to(results / "data")
    return write_run(folder / RUN.id, dataset.describe(results / "data")["sha256"])


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(evaluate, "SECONDS", 0.0)


def facts(text):
    """The lines below the headline, by their labels."""
    lines = [line for line in text.splitlines() if line.startswith("  ")]
    return {line[2:22].strip(): line[22:].strip() for line in lines}


def test_the_numbers_are_the_measures(weights, results, capsys, quick):
    assert main(["evaluate", str(weights), "--device", "cpu", "--threads", "1"]) == 0
    out = capsys.readouterr()
    assert out.err == ""
    assert out.out.startswith(f"{RUN.id}: convnet on demo shapes\n")
    said = facts(out.out)
    _, network = load.load(weights.parent)
    test = Batches(dataset.load(results / "data", "test"), 500)
    loss, plain = accuracy.evaluate(network, test)
    _, views = accuracy.evaluate(network, test, accuracy.six_views)
    assert said["test images"] == "50"
    assert said["accuracy"] == f"{100 * plain:.2f} % (error {100 - 100 * plain:.2f} %)"
    assert said["with six views"] == f"{100 * views:.2f} % (error {100 - 100 * views:.2f} %)"
    assert said["loss"] == f"{loss:.4f}"
    assert said["parameters"] == f"{models.count_parameters(network):,}"
    assert said["forward pass"] == f"{forward_flops(network) / 1e6:,.1f} MFLOP per image"
    assert said["weights file"] == f"{weights.stat().st_size / 1e6:,.2f} MB"
    for batch in (1, 128):
        assert "ms per image (quartiles" in said[f"latency, {batch} at once"]
    assert "1 thread" in said["measured on"]


def test_weights_may_be_named_by_their_folder(weights, capsys, quick):
    assert main(["evaluate", str(weights.parent), "--device", "cpu"]) == 0
    assert "accuracy" in facts(capsys.readouterr().out)


def test_latency_is_a_time_per_image_and_its_quartiles(monkeypatch):
    seconds = [0.256, 0.128, 0.384, 0.512, 0.640]
    monkeypatch.setattr(evaluate, "repeated", lambda action, device: seconds)
    said = evaluate.latency(None, 128, CPU)
    assert said == "3.000 ms per image (quartiles 2.000 to 4.000, 5 repetitions)"


def test_latency_is_of_batches_of_that_size_and_keeps_no_graph(monkeypatch):
    seen = []

    def network(inputs):
        seen.append((tuple(inputs.shape), torch.is_grad_enabled()))

    monkeypatch.setattr(evaluate, "SECONDS", 0.0)
    evaluate.latency(network, 7, CPU)
    assert set(seen) == {((7, 3, 32, 32), False)}


@pytest.mark.parametrize(("each", "count"), [(3.0, 5), (0.25, 9), (0.001, 100)])
def test_it_is_repeated_until_enough_is_known(monkeypatch, each, count):
    """For two seconds, but five times at least and a hundred at most; the first do not count."""
    now = 0.0
    calls = 0

    def action():
        nonlocal now, calls
        calls += 1
        now += each if calls > evaluate.WARM_UP else 1000.0

    monkeypatch.setattr(evaluate.time, "perf_counter", lambda: now)
    found = evaluate.repeated(action, CPU)
    assert found == pytest.approx([each] * count)
    assert calls == evaluate.WARM_UP + count


def test_without_data_it_says_where_it_looked(weights, tmp_path, capsys):
    assert main(["evaluate", str(weights), "--results", str(tmp_path / "empty")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert f"{tmp_path / 'empty'}: there is no study here, data/dataset.json is missing" in said


def test_weights_that_were_moved_need_to_be_told_of_their_data(weights, tmp_path, results, quick):
    moved = tmp_path / "moved"
    weights.parent.rename(moved)
    with pytest.raises(UserError, match="--results"):
        evaluate.evaluate(moved, None, "cpu", None)
    evaluate.evaluate(moved, results / "data", "cpu", None)


def test_other_data_than_the_training_s_is_noted(results, tmp_path, capsys, quick):
    weights = write_run(tmp_path / "moved", data="0" * 64)
    evaluate.evaluate(weights, results / "data", "cpu", None)
    assert capsys.readouterr().out.startswith("note: ")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_a_sentence(weights, capsys):
    assert main(["evaluate", str(weights), "--device", "cuda"]) == 1
    assert "CUDA" in capsys.readouterr().err


def test_what_is_no_run_is_a_sentence(weights, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for named, text in {
        tmp_path / "nothing": "no such file",
        tmp_path / "empty": "run.json is missing",
        weights.parent / "run.json": "must be a model.safetensors",
    }.items():
        assert main(["evaluate", str(named)]) == 1
        said = capsys.readouterr().err
        assert said.startswith("error: ")
        assert text in said


def test_it_runs_as_a_process(weights, tmp_path):
    """From any folder: the data is found beside the weights."""
    running = start("evaluate", str(weights), "--threads", "1", "--device", "cpu", cwd=tmp_path)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 0, err
    assert "accuracy" in facts(out)
    assert "1 thread" in facts(out)["measured on"]
