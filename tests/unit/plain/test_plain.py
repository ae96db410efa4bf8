"""The network without torch.nn: torch's own numbers, true derivatives, and a job that survives."""

import ast
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from landscape.config.runs import PlainRun, Split
from landscape.data import dataset
from landscape.data.batches import Batches
from landscape.plain import job
from landscape.plain.activation import GELU, ReLU
from landscape.plain.convolution import Convolution
from landscape.plain.linear import Flatten, Linear
from landscape.plain.loss import CrossEntropy
from landscape.plain.network import Network, build
from landscape.plain.normalization import BatchNorm
from landscape.plain.optimizer import MomentumSGD, scheduled
from landscape.plain.pooling import MaxPooling
from landscape.provenance.fingerprint import closure, path_of
from landscape.runtime.randomness import generator
from support.artefacts import ROOT, digests

STEPS = 10
RANDOM = generator(0, "a test's layers")

# Our layer, torch's, and the shape of their input.
LAYERS = {
    "convolution": (Convolution(3, 5, RANDOM), nn.Conv2d(3, 5, 3, padding=1), (4, 3, 6, 5)),
    "convolution 1×1": (Convolution(3, 4, RANDOM, 1), nn.Conv2d(3, 4, 1), (3, 3, 4, 4)),
    "convolution 5×5": (Convolution(2, 3, RANDOM, 5), nn.Conv2d(2, 3, 5, padding=2), (2, 2, 4, 6)),
    "pooling": (MaxPooling(), nn.MaxPool2d(2), (3, 4, 6, 8)),
    "pooling with rows left over": (MaxPooling(3), nn.MaxPool2d(3), (2, 2, 7, 8)),
    "normalization": (BatchNorm(4), nn.BatchNorm2d(4), (5, 4, 3, 4)),
    "relu": (ReLU(), nn.ReLU(), (3, 2, 4, 4)),
    "gelu": (GELU(), nn.GELU(), (3, 2, 4, 4)),
    "flatten": (Flatten(), nn.Flatten(), (3, 2, 4, 5)),
    "linear": (Linear(7, 5, RANDOM), nn.Linear(7, 5), (4, 7)),
}


def normal(*shape, purpose="values"):
    return torch.randn(shape, generator=generator(0, purpose), dtype=torch.float64)


def same(ours, torchs):
    torch.testing.assert_close(ours, torchs, rtol=1e-10, atol=1e-10)


def unsettled(layer):
    """In float64, with parameters that are not the special ones of the start."""
    layer.to(dtype=torch.float64)
    for name, parameter in layer.parameters.items():
        parameter.copy_(normal(*parameter.shape, purpose=name))
    return layer


def load(twin, ours):
    """Give torch's module our tensors; torch also counts batches, which nothing here reads."""
    missing, unexpected = twin.load_state_dict(ours.parameters | ours.buffers, strict=False)
    assert all(name.endswith("num_batches_tracked") for name in missing)
    assert not unexpected


def compare(ours, twin, inputs, modes=("training", "training", "evaluation")):
    """Forward, buffers and every gradient of a network and of torch's with the same tensors."""
    load(twin, ours)
    for number, mode in enumerate(modes):
        ours.train(mode == "training")
        twin.train(mode == "training")
        leaf = (inputs + number).requires_grad_()
        expected = twin(leaf)
        same(ours.forward(leaf.detach()), expected.detach())
        gradient = normal(*expected.shape, purpose=f"gradient {number}")
        twin.zero_grad()
        expected.backward(gradient)
        same(ours.backward(gradient), leaf.grad)
        same(ours.gradients, {name: p.grad for name, p in twin.named_parameters()})
        averages = {name: b for name, b in twin.named_buffers() if "num_batches" not in name}
        same(ours.buffers, averages)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_a_layer_is_torch_s(name, memory):
    """Rounded values, so that the kinks are met: equal maxima in a tile, zeros in a ReLU."""
    layer, twin, shape = LAYERS[name]
    inputs = (normal(*shape) * 2).round() / 2
    if len(shape) == 4:
        inputs = inputs.to(memory_format=memory)
    compare(Network([unsettled(layer)]), nn.Sequential(twin.double()), inputs)


def slopes(function, tensor, step=1e-5):
    """∂function/∂tensor by central differences; the tensor is left as it was."""
    result = torch.empty_like(tensor)
    flat, found = tensor.view(-1), result.view(-1)
    for index, value in enumerate(flat.tolist()):
        flat[index] = value + step
        above = function()
        flat[index] = value - step
        found[index] = (above - function()) / (2 * step)
        flat[index] = value
    return result


def errors(layer, shape):
    """The largest differences between the layer's gradients and finite differences, by name."""
    inputs = normal(*shape)
    gradient = normal(*layer.forward(inputs).shape, purpose="gradient")
    layer.forward(inputs)
    analytic = {"inputs": layer.backward(gradient)} | layer.gradients
    tensors = {"inputs": inputs} | layer.parameters

    def product():
        return (layer.forward(inputs) * gradient).sum()

    return {
        name: float((slopes(product, tensor) - analytic[name]).abs().max())
        for name, tensor in tensors.items()
    }


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("training", [True, False])
def test_a_backward_pass_is_the_derivative(name, training):
    layer, _, shape = LAYERS[name]
    unsettled(layer).training = training
    assert max(errors(layer, shape).values()) < 1e-7


class Forgetful(BatchNorm):
    """The usual mistake: as if the mean and the variance did not depend on the batch."""

    def backward(self, gradient):
        self._kept = (*self._kept[:3], False)
        return super().backward(gradient)


def test_a_wrong_derivative_is_seen():
    """The control: finite differences tell a wrong gradient of the inputs, and only that one."""
    found = errors(unsettled(Forgetful(4)), (5, 4, 3, 4))
    assert found["inputs"] > 0.01
    assert max(found["weight"], found["bias"]) < 1e-7


def test_a_backward_pass_needs_its_own_forward_pass():
    layer = ReLU()
    layer.backward(layer.forward(normal(3)))
    with pytest.raises(RuntimeError, match="ReLU: backward needs a forward"):
        layer.backward(normal(3))


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"\[2, 4, 5, 5\], must be \[N, 3, H, W\]"):
        Convolution(3, 5, RANDOM).forward(torch.zeros(2, 4, 5, 5))
    with pytest.raises(ValueError, match="2, must be odd"):
        Convolution(3, 5, RANDOM, kernel=2)
    with pytest.raises(ValueError, match="1 value per channel"):
        BatchNorm(3).forward(torch.zeros(1, 3, 1, 1))


def test_batches_of_any_size_follow_one_another():
    """The windows' memory is kept: a smaller batch after a larger one uses a part of it."""
    layer, twin, _ = LAYERS["convolution"]
    ours, twin = Network([unsettled(layer)]), nn.Sequential(twin.double())
    for count in (6, 2, 9, 9, 1):
        compare(ours, twin, normal(count, 3, 4, 4), ["training"])


def test_the_loss_is_torch_s_and_its_gradient_the_derivative():
    logits, labels = normal(6, 10) * 3, torch.tensor([0, 9, 3, 3, 5, 1])
    ours, leaf = CrossEntropy(), logits.clone().requires_grad_()
    expected = nn.functional.cross_entropy(leaf, labels)
    same(ours.forward(logits, labels), expected.detach())
    expected.backward()
    gradient = ours.backward(1.0)
    same(gradient, leaf.grad)
    found = slopes(lambda: ours.forward(logits, labels), logits)
    torch.testing.assert_close(found, gradient, rtol=0, atol=1e-8)


def test_the_loss_of_large_logits_is_finite():
    logits = torch.tensor([[1e4, 0.0, -1e4], [0.0, -1e4, 1e4]])
    ours = CrossEntropy()
    assert float(ours.forward(logits, torch.tensor([0, 1]))) == pytest.approx(1e4)
    same(ours.backward(1.0), torch.tensor([[0.0, 0.0, 0.0], [0.0, -0.5, 0.5]]))


@pytest.fixture
def batch():
    """Inputs and gradients of a normalization of 4 channels, far from mean 0 and variance 1."""
    spread = torch.tensor([0.5, 3.0, 20.0, 1.0], dtype=torch.float64).view(4, 1, 1)
    return normal(8, 4, 5, 5) * spread + spread.square(), normal(8, 4, 5, 5, purpose="gradient")


def test_a_normalized_channel_has_mean_beta_and_variance_gamma_squared(batch):
    inputs, _ = batch
    layer = unsettled(BatchNorm(4, epsilon=0))
    outputs = layer.forward(inputs)
    same(outputs.mean((0, 2, 3)), layer.parameters["bias"])
    same(outputs.var((0, 2, 3), correction=0), layer.parameters["weight"].square())
    same(layer.forward(inputs * 7 - 3), outputs)  # whatever the scale and shift of its inputs


def test_a_normalization_s_gradient_is_orthogonal_to_what_does_not_matter(batch):
    """To the constants of a channel, and to the channel itself: neither changes the output."""
    inputs, gradient = batch
    layer = unsettled(BatchNorm(4, epsilon=0))
    layer.forward(inputs)
    result = layer.backward(gradient)
    zero = torch.zeros(4, dtype=torch.float64)
    same(result.sum((0, 2, 3)), zero)
    same((result * inputs).sum((0, 2, 3)), zero)
    assert float(result.norm()) > 0.1


def torch_network(filters, neurons, classes=10):
    modules, channels = [], 3
    for outputs in (filters, 2 * filters, 4 * filters):
        modules += [nn.Conv2d(channels, outputs, 3, padding=1), nn.BatchNorm2d(outputs)]
        modules += [nn.ReLU(), nn.MaxPool2d(2)]
        channels = outputs
    modules += [nn.Flatten(), nn.Linear(channels * 16, neurons), nn.ReLU()]
    return nn.Sequential(*modules, nn.Linear(neurons, classes))


def test_the_network_s_gradient_is_autograd_s():
    ours, twin = build(3, 11, seed=4).to(dtype=torch.float64), torch_network(3, 11).double()
    compare(ours, twin, normal(5, 3, 32, 32))


def test_initial_weights_are_the_seed_s_and_keep_the_signal():
    first, again, other = build(8, 32, 0), build(8, 32, 0), build(8, 32, 1)
    for name, value in first.parameters.items():
        assert torch.equal(value, again.parameters[name])
    assert not torch.equal(first.parameters["0.weight"], other.parameters["0.weight"])
    weight = first.parameters["8.weight"]
    assert float(weight.std()) == pytest.approx((2 / (16 * 9)) ** 0.5, rel=0.05)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_optimizer_is_torch_s(momentum):
    ours = {"a": normal(3, 4), "b": normal(5, purpose="b")}
    theirs = [value.clone().requires_grad_() for value in ours.values()]
    options = {"momentum": momentum, "nesterov": momentum > 0, "weight_decay": 0.01}
    reference = torch.optim.SGD(theirs, lr=0.1, **options)
    optimizer = MomentumSGD(ours, momentum, 0.01)
    for step, rate in enumerate((0.1, 0.5, 0.02)):
        gradients = {n: normal(*v.shape, purpose=f"{n}{step}") for n, v in ours.items()}
        for leaf, gradient in zip(theirs, gradients.values(), strict=True):
            leaf.grad = gradient.clone()
        reference.param_groups[0]["lr"] = rate
        reference.step()
        optimizer.step(gradients, rate)
    for value, leaf in zip(ours.values(), theirs, strict=True):
        same(value, leaf.detach())


def test_the_learning_rate_rises_and_falls_to_zero():
    rates = [scheduled(0.3, step, 50) for step in range(51)]
    assert max(rates) == rates[5] == 0.3
    assert rates[:6] == sorted(rates[:6])
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert rates[0] > 0 == rates[50]
    assert scheduled(0.3, 0, 1) == 0.3


FORBIDDEN = {"nn", "optim", "autograd", "func", "requires_grad", "requires_grad_", "grad"}


def offences(source):
    """Names of torch's own layers and derivatives in a module's code, and calls `x.backward()`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None) or ""
            for alias in node.names:
                yield from FORBIDDEN & set(f"{module}.{alias.name}".split("."))
        elif isinstance(node, ast.Attribute):
            yield from FORBIDDEN & {node.attr}
        elif isinstance(node, ast.keyword):
            yield from FORBIDDEN & {node.arg}
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "backward"
            and not node.args
        ):
            yield "backward()"


def test_it_uses_neither_torch_nn_nor_autograd():
    """All that the network, its loss and its optimizer import in this package, and the job."""
    inside = closure("plain.network", "plain.loss", "plain.optimizer", "plain.activation")
    others = {name for name in inside if name.partition(".")[0] != "plain"}
    assert others == {"runtime", "runtime.randomness"}
    package = Path(job.__file__).parent
    files = {path_of(name) for name in inside} | set(package.glob("*.py"))
    assert len(files) > 12
    found = {path.name: set(offences(path.read_text("utf-8"))) for path in files}
    assert not {name: names for name, names in found.items() if names}


@pytest.mark.parametrize(
    "source",
    [
        "from torch import nn",
        "import torch.nn.functional as F",
        "from torch.optim import SGD",
        "torch.autograd.grad(y, x)",
        "x = torch.zeros(3, requires_grad=True)",
        "x.requires_grad_()",
        "loss.backward()",
    ],
)
def test_torch_nn_and_autograd_would_be_seen(source):
    """The control."""
    assert set(offences(source))


def test_it_works_where_autograd_cannot():
    """In inference mode no tensor records what it was made of."""
    inputs = normal(4, 3, 32, 32)
    ours = build(2, 7, seed=0).to(dtype=torch.float64)
    gradients = []
    for mode in (torch.inference_mode(False), torch.inference_mode()):
        with mode:
            ours.backward(ours.forward(inputs))
            gradients.append(ours.gradients)
    for name, value in gradients[0].items():
        assert torch.equal(value, gradients[1][name])
        assert float(value.abs().max()) > 0


@pytest.fixture(scope="module")
def run():
    return PlainRun(
        filters=4,
        neurons=16,
        learning_rate=0.05,
        momentum=0.9,
        weight_decay=5e-4,
        batch_size=32,
        epochs=2,
        seed=0,
        split=Split(train_images=130, validation_images=20),
        device="cpu",
    )


def losses(run, images, steps):
    network, batches = build(run.filters, run.neurons, run.seed), Batches(images, 32, run.seed)
    optimizer = MomentumSGD(network.parameters, run.momentum, run.weight_decay)
    found = []
    for step in range(steps):
        inputs, labels = batches.batch(step)
        loss = CrossEntropy()
        found.append(float(loss.forward(network.forward(inputs), labels)))
        network.backward(loss.backward(1.0))
        optimizer.step(network.gradients, scheduled(run.learning_rate, step, steps))
    return found, network


def test_two_runs_are_bitwise_equal_and_learn(run, results):
    run = run.model_copy(update={"filters": 8, "neurons": 32, "learning_rate": 0.02})
    images = dataset.load(results / "data", "train")
    found, network = losses(run, images, 60)
    again, other = losses(run, images, 60)
    assert found == again
    for name, value in (network.parameters | network.buffers).items():
        assert torch.equal(value, (other.parameters | other.buffers)[name]), name
    assert sum(found[-5:]) / 5 < 0.5 * found[0]


@pytest.fixture
def folder(results, tmp_path):
    """A results folder of the test's own, with the shared dataset."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "data").symlink_to(results / "data")
    return tmp_path / "results"


@pytest.fixture(scope="module")
def undisturbed(run, results, tmp_path_factory):
    """The files of the run as they are when nothing goes wrong."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "data").symlink_to(results / "data")
    job.train(run, folder, threads=1)
    return folder / run.id


def test_files_are_the_contract_s(run, undisturbed):
    written = json.loads((undisturbed / "run.json").read_text("utf-8"))
    assert run.id == written["id"] == "network/plain/seed0"
    assert written["status"] == "completed"
    assert written["run"] == json.loads(run.model_dump_json())
    assert (written["steps"], written["train_images"], written["validation_images"]) == (
        10,
        130,
        20,
    )
    steps = pd.read_parquet(undisturbed / "steps.parquet")
    assert list(steps.columns) == ["step", "epoch", "loss", "correct"]
    assert list(steps["step"]) == list(range(STEPS))
    assert list(steps["epoch"]) == [1] * 5 + [2] * 5
    assert steps.notna().all().all()
    epochs = pd.read_csv(undisturbed / "epochs.csv")
    expected = ["epoch", "train_loss", "train_accuracy", "validation_accuracy", "seconds"]
    assert list(epochs.columns) == expected
    assert list(epochs["epoch"]) == [1, 2]
    second = steps[steps["epoch"] == 2]
    loss = (second["loss"] * [32, 32, 32, 32, 2]).sum() / 130
    assert epochs.loc[1, "train_loss"] == pytest.approx(loss, rel=1e-5)
    assert epochs.loc[1, "train_accuracy"] == pytest.approx(second["correct"].sum() / 130)
    names = {"run.json", "steps.parquet", "epochs.csv", "model.safetensors"}
    assert {path.name for path in undisturbed.iterdir()} == names


def test_the_written_model_is_torch_s_too(run, undisturbed, results):
    """Loaded into torch's layers it has the loss and the accuracy that run.json says."""
    tensors = load_file(undisturbed / "model.safetensors")
    twin = torch_network(run.filters, run.neurons).eval()
    twin.load_state_dict(tensors, strict=False)
    inputs, labels = Batches(dataset.load(results / "data", "test"), 50).batch(0)
    with torch.no_grad():
        logits = twin(inputs)
    written = json.loads((undisturbed / "run.json").read_text("utf-8"))
    expected = float(nn.functional.cross_entropy(logits, labels))
    assert written["test_loss"] == pytest.approx(expected, rel=1e-4)
    assert written["test_accuracy"] == float((logits.argmax(1) == labels).sum()) / 50
    assert written["parameters"] == sum(value.numel() for value in twin.parameters())


def test_asked_to_stop_it_saves_and_goes_on_bitwise(run, folder, undisturbed, monkeypatch, capsys):
    update = job.Job._update

    def stopped(self):
        update(self)
        if self.step == 6:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(job.Job, "_update", stopped)
        with pytest.raises(SystemExit) as left:
            job.train(run, folder, threads=1)
    assert left.value.code == 128 + signal.SIGTERM
    assert not (folder / run.id / "run.json").exists()
    job.train(run, folder, threads=1)
    assert "resumes from step 6" in capsys.readouterr().err
    assert digests(folder / run.id) == digests(undisturbed)


KILLED = """
import os, signal, sys
from pathlib import Path
from landscape.plain import job
from landscape.config.runs import PlainRun

update = job.Job._update

def killed(self):
    update(self)
    if self.step == 7:
        os.kill(os.getpid(), signal.SIGKILL)

job.Job._update = killed
run = PlainRun.model_validate_json(sys.argv[1])
job.train(run, Path(sys.argv[2]), threads=1, checkpoint_seconds=0)
"""


def test_killed_it_goes_on_bitwise_from_its_last_save(run, folder, undisturbed, capsys):
    command = [sys.executable, "-c", KILLED, run.model_dump_json(), str(folder)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT / "workflow")})
    assert done.returncode == -signal.SIGKILL
    job.train(run, folder, threads=1)
    assert "resumes from step 6" in capsys.readouterr().err
    assert digests(folder / run.id) == digests(undisturbed)


def test_a_state_of_other_settings_is_not_gone_on_from(run, folder, capsys):
    device = torch.device("cpu")
    half = job.Job(run, folder, device)
    half._update()
    half.save()
    for other, step in ((run, 1), (run.model_copy(update={"momentum": 0.5}), 0)):
        resumed = job.Job(other, folder, device)
        resumed.resume()
        assert resumed.step == step
    assert "run.momentum was 0.9 and is 0.5" in capsys.readouterr().err


@pytest.mark.parametrize(("batch_size", "epochs"), [(32, 2), (130, 1)])
def test_a_run_that_diverges_is_a_result(run, folder, batch_size, epochs):
    """Also where the last update is the one that it is lost at."""
    changes = {"learning_rate": 1e30, "batch_size": batch_size, "epochs": epochs}
    run = run.model_copy(update=changes)
    job.train(run, folder, threads=1, checkpoint_seconds=0)
    written = json.loads((folder / run.id / "run.json").read_text("utf-8"))
    table = pd.read_parquet(folder / run.id / "steps.parquet")
    assert written["status"] == "diverged"
    assert written["diverged_at_step"] == len(table) == 1
    assert written["test_accuracy"] is None
    assert written["test_loss"] is None
    assert table["loss"].notna().all()
    assert not list((folder / run.id).glob("resume.state*"))


def test_settings_are_read_without_torch():
    program = "import sys, landscape.config.runs; print('torch' in sys.modules)"
    environment = {"PYTHONPATH": str(ROOT / "workflow")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
