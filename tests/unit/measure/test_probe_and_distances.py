"""Each measure against its naive twin, its closed form on a quadratic, and its innocence."""

import copy
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy as loss_function

from landscape.config import recipes
from landscape.config.architectures import Vgg
from landscape.data.batches import Batches
from landscape.measure import probe as probes
from landscape.measure.accuracy import evaluate
from landscape.measure.beta import effective_beta
from landscape.measure.distance import cosine, distance, inner, norm
from landscape.measure.probe import probe
from landscape.models import registry as models
from landscape.models.flat_parameters import FlatParameters
from landscape.training.recorder import Recorder
from landscape.training.trajectory import Step

STEP_SIZES = [0.001, 0.01, 0.1]


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def column(rows, name):
    return rows[:, probes.COLUMNS.index(name)]


class Quadratic(nn.Module):
    """L(θ) = ½ θᵀHθ: gradient Hθ, Hessian H; inputs are ignored."""

    def __init__(self, hessian, start):
        super().__init__()
        self.hessian = hessian
        self.theta = nn.Parameter(start.clone())

    @property
    def output_layer(self):
        return self

    def forward(self, inputs):
        return 0.5 * self.theta @ self.hessian @ self.theta


def quadratic(start):
    basis, _ = torch.linalg.qr(random(6, 6))
    eigenvalues = torch.tensor([10.0, 3.0, 1.0, 0.5, 0.1, -2.0], dtype=torch.float64)
    hessian = basis @ torch.diag(eigenvalues) @ basis.T
    return Quadratic(hessian, start(basis)), hessian, eigenvalues


def identity(logits, labels):
    return logits


def small_network(name):
    model = models.build(Vgg(name=name, width=0.05), seed=0).double().train()
    inputs = random(16, 3, 32, 32, seed=5)
    labels = torch.arange(16) % 10
    return model, inputs, labels


def naive_gradient(model, inputs, labels):
    model.zero_grad()
    loss = nn.functional.cross_entropy(model(inputs), labels)
    loss.backward()
    return loss.item(), torch.cat([p.grad.flatten() for p in model.parameters()])


def naive_product(model, inputs, labels):
    """Hg: the derivative of ½‖∇L‖²."""
    loss = nn.functional.cross_entropy(model(inputs), labels)
    gradients = torch.autograd.grad(loss, list(model.parameters()), create_graph=True)
    half = sum((g**2).sum() for g in gradients) / 2
    return torch.cat([p.flatten() for p in torch.autograd.grad(half, list(model.parameters()))])


def naive_kinks(model, inputs):
    """Signs of every ReLU's input, and where in its window every max pooling's output stood."""
    signs, winners, x = [], [], inputs
    with torch.no_grad():
        for layer in (*model.features, nn.Flatten(), *model.classifier):
            if isinstance(layer, nn.ReLU):
                signs.append((x > 0).flatten())
            elif isinstance(layer, nn.MaxPool2d):
                windows = x.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
                winners.append(windows.argmax(4).flatten())
            x = layer(x)
    return torch.cat(signs), torch.cat(winners)


@pytest.mark.parametrize("name", ["vgg_a", "vgg_a_bn"])
def test_probe_equals_its_naive_twin_in_float64(name):
    model, inputs, labels = small_network(name)
    twin = copy.deepcopy(model)
    rows = probe(model, FlatParameters(model), inputs, labels, loss_function, STEP_SIZES)
    product = naive_product(twin, inputs, labels)
    loss, gradient = naive_gradient(twin, inputs, labels)
    signs, winners = naive_kinks(copy.deepcopy(twin), inputs)
    for row, step_size in zip(rows, STEP_SIZES, strict=True):
        moved = copy.deepcopy(twin)
        with torch.no_grad():
            for parameter, source in zip(moved.parameters(), twin.parameters(), strict=True):
                parameter.copy_(source - step_size * source.grad)
        there, turned = naive_gradient(moved, inputs, labels)
        signs_there, winners_there = naive_kinks(copy.deepcopy(moved), inputs)
        apart = (turned - gradient).norm()
        expected = {
            "loss_at_origin": loss,
            "gradient_norm": gradient.norm(),
            "parameter_norm": torch.cat([p.detach().flatten() for p in twin.parameters()]).norm(),
            "kappa": gradient @ product / (gradient @ gradient),
            "hg_over_g": product.norm() / gradient.norm(),
            "loss": there,
            "gradient_norm_there": turned.norm(),
            "gradient_distance": apart,
            "gradient_cosine": nn.functional.cosine_similarity(turned, gradient, dim=0),
            "beta": apart / (step_size * gradient).norm(),
            "smooth_distance": step_size * product.norm(),
            "rest_distance": (turned - (gradient - step_size * product)).norm(),
            "relu_flips": (signs != signs_there).double().mean(),
            "pool_flips": (winners != winners_there).double().mean(),
        }
        assert expected.keys() == set(probes.COLUMNS)
        found = dict(zip(probes.COLUMNS, row.tolist(), strict=True))
        assert found == pytest.approx({k: float(v) for k, v in expected.items()}, rel=1e-8)
        assert found["relu_flips"] > 0


def test_probe_on_a_quadratic_has_its_closed_form():
    model, hessian, _ = quadratic(lambda basis: random(6, seed=2))
    theta = model.theta.detach().clone()
    gradient = hessian @ theta
    rows = probe(model, FlatParameters(model), None, None, identity, STEP_SIZES)
    etas = torch.tensor(STEP_SIZES, dtype=torch.float64)
    points = theta - etas[:, None] * gradient
    losses = 0.5 * torch.einsum("si,ij,sj->s", points, hessian, points)
    torch.testing.assert_close(column(rows, "loss"), losses)
    torch.testing.assert_close(
        column(rows, "gradient_distance"), etas * (hessian @ gradient).norm()
    )
    beta = (hessian @ gradient).norm() / gradient.norm()
    exact = {"rtol": 1e-10, "atol": 1e-12}
    torch.testing.assert_close(column(rows, "beta"), beta.expand(3), **exact)
    torch.testing.assert_close(column(rows, "hg_over_g"), beta.expand(3), **exact)
    kappa = gradient @ hessian @ gradient / gradient.norm() ** 2
    torch.testing.assert_close(column(rows, "kappa"), kappa.expand(3), **exact)
    torch.testing.assert_close(
        column(rows, "smooth_distance"), column(rows, "gradient_distance"), **exact
    )
    assert column(rows, "rest_distance").max() < 1e-12
    assert column(rows, "relu_flips").eq(0).all()  # there are no kinks
    assert column(rows, "pool_flips").eq(0).all()


def test_beta_along_an_eigenvector_is_its_eigenvalue():
    for index in range(6):
        model, _, eigenvalues = quadratic(lambda basis, index=index: basis[:, index])
        rows = probe(model, FlatParameters(model), None, None, identity, STEP_SIZES)
        torch.testing.assert_close(
            column(rows, "beta"), eigenvalues[index].abs().expand(3), rtol=1e-9, atol=1e-12
        )


def test_probe_of_no_step_finds_the_same_gradient():
    model, inputs, labels = small_network("vgg_a_bn")
    rows = probe(model, FlatParameters(model), inputs, labels, loss_function, [0.0])
    assert column(rows, "gradient_distance").item() == 0
    assert column(rows, "loss").item() == column(rows, "loss_at_origin").item()
    assert column(rows, "beta").isnan().all()  # nothing moved: there is no β
    assert column(rows, "relu_flips").item() == column(rows, "pool_flips").item() == 0


def test_probe_changes_nothing():
    model, inputs, labels = small_network("vgg_a_bn")
    flat = FlatParameters(model)
    flat.gradient.copy_(random(len(flat.gradient), seed=9))
    torch.manual_seed(7)
    before = copy.deepcopy(model.state_dict())
    gradient, state = flat.gradient.clone(), torch.random.get_rng_state()
    first = probe(model, flat, inputs, labels, loss_function, STEP_SIZES)
    after = model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(flat.gradient, gradient)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert model.training
    assert all(p.grad.data_ptr() != 0 for p in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    again = probe(model, flat, inputs, labels, loss_function, STEP_SIZES)
    assert torch.equal(first, again)  # two measurements are bitwise equal


def test_distance_is_the_norm_of_the_difference_not_the_difference_of_norms():
    a = random(1000)
    torch.testing.assert_close(distance(a, -a), 2 * a.norm())
    assert distance(a, a) == 0


def test_lengths_of_ten_million_parameters_are_exact():
    """Against float64 throughout: a float32 sum is off by some 1e-4, its cosines exceed 1."""
    generator = torch.Generator().manual_seed(1)
    a = torch.randn(10_000_000, generator=generator) * 1e-3
    b = a + 1e-7 * torch.randn(10_000_000, generator=generator)
    exact = {
        "norm": (norm(a), a.double().square().sum().sqrt()),
        "distance": (distance(a, b), (a.double() - b.double()).square().sum().sqrt()),
        "inner": (inner(a, b), (a.double() * b.double()).sum()),
    }
    for name, (found, expected) in exact.items():
        assert found.item() == pytest.approx(expected.item(), rel=1e-7), name
    assert cosine(a, b) <= 1
    assert 1 - cosine(a, b).item() == pytest.approx(0.5e-8, rel=0.01)  # (1e-7/1e-3)²/2
    in_float32 = torch.dot(a, b) / (torch.linalg.vector_norm(a) * torch.linalg.vector_norm(b))
    assert abs(in_float32 - 1) > 1e-7  # the control


def test_beta_of_no_movement_is_missing():
    assert effective_beta(torch.tensor(1.0), torch.tensor(0.0)).isnan()
    assert effective_beta(torch.tensor(3.0), torch.tensor(2.0)) == 1.5


@pytest.mark.parametrize("lags", [(1,), (1, 3)])
def test_recorded_steps_equal_their_naive_twin(lags):
    """Plain gradient descent on a quadratic, measured by hand beside the recorder."""
    model, hessian, _ = quadratic(lambda basis: random(6, seed=3))
    flat = FlatParameters(model)
    state = SimpleNamespace(flat=flat, model=model, step=0)
    run = SimpleNamespace(
        id="x",
        gradient_lags=lags,
        same_batch_every_steps=3,
        probe=None,
        learning_rate=0.01,
        loss=recipes.Loss(),
    )
    recorder = Recorder(run, state, steps=8)
    recorder.loss = identity
    thetas, gradients = [], []
    for index in range(8):
        loss = model(None)
        flat.differentiate(loss)
        thetas.append(flat.vector.clone())
        gradients.append(flat.gradient.clone())
        logits, labels = torch.zeros(2, 10), torch.zeros(2, dtype=torch.int64)
        here = (loss.detach(), flat.vector, flat.gradient)
        recorder.observe(Step(index, 0, None, labels, logits, *here))
        with torch.no_grad():
            flat.vector -= 0.01 * flat.gradient
        state.step += 1
    assert recorder.check() is None
    table = recorder.steps_table(8, steps_per_epoch=4)
    assert list(table["epoch"]) == [1] * 4 + [2] * 4
    assert table.loc[0, ["gradient_distance", "update_distance", "beta"]].isna().all()
    for i in range(8):
        row = table.loc[i]
        assert row["loss"] == pytest.approx(
            (0.5 * thetas[i] @ hessian @ thetas[i]).item(), rel=1e-10
        )
        assert row["gradient_norm"] == pytest.approx((hessian @ thetas[i]).norm().item(), rel=1e-10)
        assert row["parameter_norm"] == pytest.approx(thetas[i].norm().item(), rel=1e-10)
        for lag in lags:
            name = "gradient_distance" if lag == 1 else f"gradient_distance_lag{lag}"
            if i >= lag:
                expected = (gradients[i] - gradients[i - lag]).norm().item()
                assert row[name] == pytest.approx(expected, rel=1e-10)
            else:
                assert row.isna()[name]
        if i:
            moved = (thetas[i] - thetas[i - 1]).norm().item()
            assert row["update_distance"] == pytest.approx(moved, rel=1e-10)
            assert row["beta"] == pytest.approx(row["gradient_distance"] / moved, rel=1e-10)
            assert row["beta"] <= 10 + 1e-9  # never above the largest curvature
        if i and i % 3 == 0:  # all batches are the same here
            for name in ("gradient_distance", "beta"):
                assert row[f"same_batch_{name}"] == pytest.approx(row[name], rel=1e-10)
        else:
            assert row[["same_batch_gradient_distance", "same_batch_beta"]].isna().all()


def test_output_layer_s_distance_is_of_the_output_layer_alone():
    model, inputs, labels = small_network("vgg_a")
    flat = FlatParameters(model)
    extent = flat.extent(model.output_layer)
    assert extent.stop == len(flat.vector)
    assert extent.stop - extent.start == sum(p.numel() for p in model.output_layer.parameters())
    loss_function(model(inputs), labels).backward()
    expected = torch.cat([p.grad.flatten() for p in model.output_layer.parameters()])
    assert torch.equal(flat.gradient[extent], expected)


def test_flat_gradient_holds_every_gradient_once():
    model, inputs, labels = small_network("vgg_a_bn")
    twin = copy.deepcopy(model)
    flat = FlatParameters(model)
    loss_function(model(inputs), labels).backward()
    loss_function(twin(inputs), labels).backward()
    for parameter, reference in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, reference.grad, rtol=1e-9, atol=1e-12)
    assert flat.gradient.norm().item() == pytest.approx(
        torch.cat([p.grad.flatten() for p in twin.parameters()]).norm().item(), rel=1e-10
    )


def test_evaluation_counts_images_not_batches():
    from landscape.data.dataset import Images

    pixels = torch.randint(0, 256, (25, 3, 32, 32), dtype=torch.uint8)
    labels = torch.arange(25) % 10
    model = models.build(Vgg(name="vgg_a_bn", width=0.05), seed=0).train()
    before = copy.deepcopy(model.state_dict())
    loss, accuracy = evaluate(model, Batches(Images(pixels, labels), 10))
    whole = evaluate(model, Batches(Images(pixels, labels), 25))
    assert (loss, accuracy) == pytest.approx(whole, rel=1e-5)
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
