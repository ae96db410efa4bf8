"""Each optimizer equals its reference, repeats, converges, and does what defines it."""

import copy
import io

import pytest
import torch
from torch import nn

from landscape.models.flat_parameters import FlatParameters
from landscape.optimizers import muon
from landscape.optimizers.adamw import AdamW
from landscape.optimizers.muon import Muon, orthogonalize
from landscape.optimizers.sam import SAM
from landscape.optimizers.sgd import SGD

FLOAT64 = {"rtol": 1e-9, "atol": 1e-12}
FLOAT32 = {"rtol": 0, "atol": 1e-6}


def random(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def network(dtype=torch.float64):
    """A small network whose convolution and linear layers come in tall, wide and equal shapes."""
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(36, 12),
        nn.Tanh(),
        nn.Linear(12, 12),
        nn.Tanh(),
        nn.Linear(12, 12),
        nn.Tanh(),
        nn.Linear(12, 20),
        nn.Tanh(),
        nn.Linear(20, 5),
    ).to(dtype)


def loss_of(model):
    dtype = next(model.parameters()).dtype
    inputs, labels = random(16, 3, 8, 8, seed=5, dtype=dtype), torch.arange(16) % 5
    return nn.functional.cross_entropy(model(inputs), labels)


def split(model, **of_weights):
    """Two groups: weights with their own settings, and biases with the optimizer's defaults."""
    weights = [p for p in model.parameters() if p.ndim > 1]
    biases = [p for p in model.parameters() if p.ndim == 1]
    return [{"params": weights, **of_weights}, {"params": biases}]


def weights(model):
    return [p for p in model.parameters() if p.ndim > 1]


def linear_weights(model):
    return [p for p in model.parameters() if p.ndim == 2]


def clear(model):
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad.zero_()


def train(model, optimizer, steps):
    """Train as the trajectory does: the gradient first, and a closure only for SAM."""

    def closure():
        loss = loss_of(model)
        loss.backward()
        return loss

    losses = []
    for _ in range(steps):
        clear(model)
        losses.append(closure().item())
        optimizer.step(closure) if isinstance(optimizer, SAM) else optimizer.step()
    return losses


def values(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


def assert_equal(model, reference, **tolerance):
    for value, expected in zip(values(model), values(reference), strict=True):
        torch.testing.assert_close(value, expected, **tolerance)


def same(model, other):
    return all(map(torch.equal, values(model), values(other)))


def sgd(model, lr=0.05):
    return SGD(split(model, weight_decay=1e-3), lr=lr, momentum=0.9, nesterov=True)


def adamw(model, lr=0.002):
    return AdamW(split(model, betas=(0.8, 0.95)), lr=lr, weight_decay=0.05)


def muon_of_weights(model, lr=0.02):
    return Muon(weights(model), lr=lr, weight_decay=0.01)


def sam(model, lr=0.05):
    return SAM(SGD(split(model, weight_decay=1e-3), lr=lr, momentum=0.9), radius=0.05)


def sam_of_adamw(model, lr=0.002):
    return SAM(adamw(model, lr))


BUILDERS = [sgd, adamw, muon_of_weights, sam, sam_of_adamw]
every_optimizer = pytest.mark.parametrize("build", BUILDERS)


@pytest.fixture
def exact(monkeypatch):
    """Newton-Schulz in float64, here and in torch.optim.Muon, so that they differ by rounding."""
    monkeypatch.setattr(muon, "fast_dtype", lambda device_type: torch.float64)
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda tensor: tensor.double().clone())


# Equal to the reference, over 100 steps.

SGD_SETTINGS = [
    {},
    {"weight_decay": 1e-2},
    {"momentum": 0.9},
    {"momentum": 0.9, "weight_decay": 1e-2},
    {"momentum": 0.9, "weight_decay": 1e-2, "nesterov": True},
]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", FLOAT32), ("float64", FLOAT64)])
@pytest.mark.parametrize("settings", SGD_SETTINGS)
def test_sgd_is_torch_s(settings, dtype, tolerance):
    model, twin = network(getattr(torch, dtype)), network(getattr(torch, dtype))
    train(model, SGD(split(model, lr=0.03), lr=0.1, **settings), 100)
    train(twin, torch.optim.SGD(split(twin, lr=0.03), lr=0.1, **settings), 100)
    assert_equal(model, twin, **tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", FLOAT32), ("float64", FLOAT64)])
@pytest.mark.parametrize("capturable", [False, True])
@pytest.mark.parametrize("foreach", [False, True])
def test_adamw_is_torch_s(capturable, foreach, dtype, tolerance):
    model, twin = network(getattr(torch, dtype)), network(getattr(torch, dtype))
    own = {"weight_decay": 0.1, "betas": (0.8, 0.99), "eps": 1e-3}
    train(model, AdamW(split(model, **own), lr=0.001, capturable=capturable), 100)
    train(twin, torch.optim.AdamW(split(twin, **own), lr=0.001, foreach=foreach), 100)
    assert_equal(model, twin, **tolerance)


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize(("scale", "adjust"), [("muon", "original"), ("adamw", "match_rms_adamw")])
def test_muon_is_torch_s_on_matrices(exact, nesterov, scale, adjust):
    settings = {"lr": 0.004, "weight_decay": 0.02, "nesterov": nesterov, "momentum": 0.9}
    model, twin = network(), network()
    train(model, Muon(linear_weights(model), **settings, scale=scale), 100)
    train(twin, torch.optim.Muon(linear_weights(twin), **settings, adjust_lr_fn=adjust), 100)
    assert_equal(model, twin, **FLOAT64)


class Flattened(nn.Module):
    """The network's first filter bank, kept as the matrix [O, I·kh·kw]."""

    def __init__(self, bank):
        super().__init__()
        self.shape = bank.shape
        self.matrix = nn.Parameter(bank.detach().flatten(1).clone())

    def forward(self, inputs):
        return nn.functional.conv2d(inputs, self.matrix.view(self.shape), stride=2)


def test_muon_takes_a_filter_bank_for_a_matrix(exact):
    model = nn.Sequential(nn.Conv2d(3, 40, 3, stride=2, bias=False), nn.AvgPool2d(3), nn.Flatten())
    model = nn.Sequential(model, nn.Linear(40, 5)).double()
    twin = copy.deepcopy(model)
    twin[0][0] = Flattened(twin[0][0].weight)
    settings = {"lr": 0.01, "weight_decay": 0.02}
    train(model, Muon([model[0][0].weight], **settings), 100)
    train(twin, torch.optim.Muon([twin[0][0].matrix], **settings), 100)
    torch.testing.assert_close(model[0][0].weight.flatten(1), twin[0][0].matrix, **FLOAT64)


def test_muon_with_fixed_norm_is_airbench_s(exact):
    """Its recipe written plainly: a heavier momentum, which has the same direction."""
    model, twin = network(), network()
    train(model, Muon(weights(model), lr=0.01, momentum=0.6, fixed_norm=True), 100)
    buffers = [torch.zeros_like(p) for p in weights(twin)]
    for _ in range(100):
        clear(twin)
        loss_of(twin).backward()
        with torch.no_grad():
            for parameter, buffer in zip(weights(twin), buffers, strict=True):
                buffer.mul_(0.6).add_(parameter.grad)
                direction = parameter.grad + 0.6 * buffer
                parameter.mul_(len(parameter) ** 0.5 / parameter.norm())
                whitened = orthogonalize(direction.reshape(len(parameter), -1))
                parameter.sub_(0.01 * whitened.view(parameter.shape))
    assert_equal(model, twin, rtol=1e-7, atol=1e-9)


def test_sam_is_its_two_steps_by_hand():
    model, twin = network(), network()
    train(model, SAM(SGD(split(model, lr=0.02), lr=0.05, momentum=0.9), radius=0.1), 100)
    reference = torch.optim.SGD(split(twin, lr=0.02), lr=0.05, momentum=0.9)
    for _ in range(100):
        gradient = torch.autograd.grad(loss_of(twin), list(twin.parameters()))
        norm = torch.cat([g.flatten() for g in gradient]).norm()
        there = copy.deepcopy(twin)
        with torch.no_grad():
            for parameter, g in zip(there.parameters(), gradient, strict=True):
                parameter.add_(0.1 * g / norm)
        gradient = torch.autograd.grad(loss_of(there), list(there.parameters()))
        for parameter, g in zip(twin.parameters(), gradient, strict=True):
            parameter.grad = g
        reference.step()
    assert_equal(model, twin, **FLOAT64)


# What every one of them keeps.


@every_optimizer
def test_two_runs_are_bitwise_equal_and_learn(build):
    first, second = network(torch.float32), network(torch.float32)
    losses = train(first, build(first), 60)
    assert losses == train(second, build(second), 60)
    assert same(first, second)
    assert losses[-1] < 0.5 * losses[0]


@every_optimizer
def test_it_goes_on_bitwise_from_where_it_was_saved(build):
    whole, half = network(torch.float32), network(torch.float32)
    train(whole, build(whole), 8)
    optimizer = build(half)
    train(half, optimizer, 4)
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    resumed = copy.deepcopy(half)
    optimizer = build(resumed)
    optimizer.load_state_dict(torch.load(file, weights_only=True))
    train(resumed, optimizer, 4)
    assert same(whole, resumed)
    train(half, build(half), 4)
    assert not same(whole, half)  # the control: without its state it goes elsewhere


@every_optimizer
def test_a_learning_rate_in_a_tensor_is_the_same(build, exact):
    model, twin = network(torch.float32), network(torch.float32)
    number, tensor = build(model), build(twin, torch.tensor(0.01))
    for group in number.param_groups:
        group["lr"] = 0.01
    train(model, number, 20)
    train(twin, tensor, 20)
    assert_equal(model, twin, **FLOAT32)
    for group in tensor.param_groups:
        group["lr"].zero_()  # a schedule writes into the tensor
    train(twin, tensor, 1)
    assert_equal(model, twin, **FLOAT32)
    train(model, number, 1)
    assert not same(model, twin)


@every_optimizer
def test_nothing_is_read_by_the_host(build):
    """Tensors on the meta device have no values: whoever reads one there fails."""
    model = network().to("meta")
    optimizer = build(model)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    for group in optimizer.param_groups:
        group["lr"] = torch.ones((), device="meta")
        if "capturable" in group:
            group["capturable"] = True
    for _ in range(2):
        optimizer.step((lambda: None) if isinstance(optimizer, SAM) else None)
    with pytest.raises(RuntimeError, match="meta"):  # the control: `alpha` is a number of the host
        torch._foreach_add_(list(model.parameters()), list(model.parameters()), alpha=group["lr"])


@every_optimizer
def test_flat_parameters_change_nothing(build, exact):
    model, twin = network(), network()
    flat = FlatParameters(model)
    optimizer = build(model)
    train(model, optimizer, 10)
    train(twin, build(twin), 10)
    assert_equal(model, twin, **FLOAT64)
    loss_of(model).backward()
    for name, view in flat.views(flat.gradient).items():
        parameter = model.get_parameter(name)
        assert parameter.grad.data_ptr() == view.data_ptr()
        assert parameter.data_ptr() == flat.views(flat.vector)[name].data_ptr()
        for key, entry in optimizer.state[parameter].items():
            assert key == "step" or entry.stride() == view.stride()


@every_optimizer
def test_a_parameter_without_gradient_stays(build):
    model = network()
    frozen = model[0]
    before = values(frozen)
    optimizer = build(model)
    frozen.requires_grad_(False)
    train(model, optimizer, 3)
    assert all(map(torch.equal, values(frozen), before))
    assert not set(frozen.parameters()) & set(optimizer.state)
    for parameter in model.parameters():
        parameter.grad = None
    before = values(model)
    optimizer.step((lambda: None) if isinstance(optimizer, SAM) else None)
    assert all(map(torch.equal, values(model), before))


@every_optimizer
def test_a_closure_is_evaluated_once_with_gradients(build):
    model = network()
    optimizer = build(model)
    calls = []

    def closure():
        calls.append(torch.is_grad_enabled())
        clear(model)
        loss = loss_of(model)
        loss.backward()
        return loss

    before = values(model)
    expected = loss_of(model)
    loss = optimizer.step(closure)
    assert calls == [True]
    torch.testing.assert_close(loss, expected)
    assert not all(map(torch.equal, values(model), before))
    assert optimizer.step(lambda: 7.5) == 7.5


THETA = nn.Parameter(torch.zeros(2, 2))
REFUSED = [
    (SGD, {"lr": -0.1}, r"lr must be one finite number >= 0, not -0.1"),
    (SGD, {"lr": float("nan")}, r"lr .* not nan"),
    (SGD, {"lr": torch.ones(2)}, r"lr must be one .* not tensor\(\[1., 1.\]\)"),
    (SGD, {"momentum": 1.0}, r"momentum must lie in \[0, 1\), not 1.0"),
    (SGD, {"nesterov": True}, r"nesterov needs a momentum in \(0, 1\), not 0"),
    (SGD, {"weight_decay": -1}, r"weight_decay must be finite and >= 0, not -1"),
    (AdamW, {"lr": float("inf")}, r"lr must be one finite number >= 0, not inf"),
    (AdamW, {"betas": (0.9, 1.0)}, r"betas must be two numbers in \[0, 1\), not \(0.9, 1.0\)"),
    (AdamW, {"betas": (0.9,)}, r"betas must be two numbers in \[0, 1\), not \(0.9,\)"),
    (AdamW, {"eps": -1e-8}, r"eps must be finite and >= 0, not -1e-08"),
    (AdamW, {"weight_decay": -1}, r"weight_decay must be finite and >= 0, not -1"),
    (Muon, {"lr": -1}, r"lr must be one finite number >= 0, not -1"),
    (Muon, {"momentum": -0.5}, r"momentum must lie in \[0, 1\), not -0.5"),
    (Muon, {"weight_decay": -1}, r"weight_decay must be finite and >= 0, not -1"),
    (Muon, {"newton_schulz_steps": 0}, r"newton_schulz_steps must lie in \[1, 100\), not 0"),
    (Muon, {"scale": "big"}, r"scale must be 'muon' or 'adamw', not 'big'"),
    (Muon, {"fixed_norm": True, "weight_decay": 0.1}, r"weight_decay must be 0 .* not 0.1"),
    (Muon, {"fixed_norm": True, "scale": "adamw"}, r"scale is not read .* not 'adamw'"),
]


@pytest.mark.parametrize(("kind", "settings", "message"), REFUSED)
def test_impossible_settings_are_refused(kind, settings, message):
    with pytest.raises(ValueError, match=message):
        kind([THETA], **{"lr": 0.1, **settings})
    with pytest.raises(ValueError, match=message):
        kind([{"params": [THETA], **settings}], lr=0.1)


def test_muon_refuses_a_vector():
    with pytest.raises(ValueError, match=r"2 dimensions or more, not of shape \[7\]"):
        Muon([nn.Parameter(torch.zeros(7))], lr=0.1)


@pytest.mark.parametrize("radius", [-0.05, float("nan"), float("inf")])
def test_sam_refuses_a_radius(radius):
    with pytest.raises(ValueError, match=f"radius must be finite and >= 0, not {radius}"):
        SAM(SGD([THETA], lr=0.1), radius)


# SGD by its closed forms on L(θ) = ½ θᵀHθ, whose directions are independent.

CURVATURES = torch.tensor([10.0, 3.0, 1.0, 0.5], dtype=torch.float64)


def descend(optimizer, theta, steps, gradient=lambda theta: CURVATURES * theta):
    for _ in range(steps):
        theta.grad = gradient(theta.detach())
        optimizer.step()
    return theta.detach()


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_on_a_quadratic_is_a_power_of_a_matrix(nesterov):
    """[θ, b] ← M [θ, b] along each eigenvector; with a good μ it is faster than without."""
    lr, momentum = 0.1, 0.6
    start = random(4)
    theta = nn.Parameter(start.clone())
    optimizer = SGD([theta], lr=lr, momentum=momentum, nesterov=nesterov)
    end = descend(optimizer, theta, 60)
    for index, h in enumerate(CURVATURES.tolist()):
        b = [h, momentum]  # the new b, as a combination of θ and the old b
        d = [h + momentum * b[0], momentum * b[1]] if nesterov else b
        matrix = torch.tensor([[1 - lr * d[0], -lr * d[1]], b], dtype=torch.float64)
        expected = torch.linalg.matrix_power(matrix, 60)[0, 0] * start[index]
        torch.testing.assert_close(end[index], expected, rtol=1e-9, atol=1e-14)
    assert end.norm() < 1e-4 * start.norm()
    plain = nn.Parameter(start.clone())
    assert descend(SGD([plain], lr=lr), plain, 60).norm() > 1e-3 * start.norm()


def test_sgd_with_nesterov_looks_ahead():
    """Its θ is the point Θ + μv of v ← μv − ηg(Θ + μv), Θ ← Θ + v (Sutskever et al. 2013)."""
    theta = nn.Parameter(random(4))
    optimizer = SGD([theta], lr=0.05, momentum=0.9, nesterov=True)
    behind, velocity = theta.detach().clone(), torch.zeros(4, dtype=torch.float64)
    for _ in range(20):
        velocity = 0.9 * velocity - 0.05 * CURVATURES * (behind + 0.9 * velocity)
        behind = behind + velocity
        ahead = descend(optimizer, theta, 1)
        torch.testing.assert_close(ahead, behind + 0.9 * velocity, rtol=1e-12, atol=1e-14)


def test_sgd_s_weight_decay_is_a_quadratic_term():
    theta, twin = nn.Parameter(random(4)), nn.Parameter(random(4))
    descend(SGD([theta], lr=0.05, momentum=0.9, weight_decay=0.3), theta, 20)
    descend(SGD([twin], lr=0.05, momentum=0.9), twin, 20, lambda t: (CURVATURES + 0.3) * t)
    torch.testing.assert_close(theta, twin, rtol=1e-12, atol=1e-14)


# AdamW


def test_adamw_under_a_constant_gradient_walks_by_the_learning_rate():
    """m̂ = g and v̂ = g² at every step, which holds only if the start is corrected for."""
    start, gradient = random(6), random(6, seed=1)
    theta = nn.Parameter(start.clone())
    optimizer = AdamW([theta], lr=0.01, eps=0, weight_decay=0)
    for steps in range(1, 30):
        end = descend(optimizer, theta, 1, lambda theta: gradient.clone())
        torch.testing.assert_close(end, start - 0.01 * steps * gradient.sign(), rtol=0, atol=1e-12)


def test_adamw_s_decay_is_apart_from_the_gradient():
    start = random(6)
    theta = nn.Parameter(start.clone())
    optimizer = AdamW([theta], lr=0.01, weight_decay=0.5)
    end = descend(optimizer, theta, 40, torch.zeros_like)
    torch.testing.assert_close(end, start * (1 - 0.01 * 0.5) ** 40, rtol=1e-12, atol=0)


def scaled_descent(build, scale, steps=30):
    theta = nn.Parameter(random(4))
    return descend(build([theta]), theta, steps, lambda t: scale * CURVATURES * t)


def test_adamw_does_not_see_the_gradient_s_scale():
    def own(params):
        return AdamW(params, lr=0.01, eps=0, weight_decay=0.5)

    def coupled(params):
        return torch.optim.Adam(params, lr=0.01, eps=0, weight_decay=0.5)

    assert torch.equal(scaled_descent(own, 1), scaled_descent(own, 1024))
    assert not torch.equal(scaled_descent(coupled, 1), scaled_descent(coupled, 1024))  # the control


def decreasing(optimizer, theta, steps, gradient):
    for group in optimizer.param_groups:
        group["initial"] = group["lr"]
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = group["initial"] * (1 - step / steps)
        descend(optimizer, theta, 1, gradient)
    return theta.detach()


def test_adamw_converges_on_a_quadratic():
    theta = nn.Parameter(random(4))
    optimizer = AdamW([theta], lr=0.1, weight_decay=0)
    assert decreasing(optimizer, theta, 300, lambda t: CURVATURES * t).norm() < 1e-4


def test_adamw_counts_where_it_is_asked_to():
    theta = nn.Parameter(torch.zeros(3, device="meta"))
    for capturable, place in [(True, "meta"), (False, "cpu")]:
        optimizer = AdamW([theta], lr=0.1, capturable=capturable)
        descend(optimizer, theta, 2, torch.zeros_like)
        assert optimizer.state[theta]["step"].device.type == place


# Muon


def with_singular_values(rows, columns, singular, seed=0):
    left, _ = torch.linalg.qr(random(rows, len(singular), seed=seed))
    right, _ = torch.linalg.qr(random(columns, len(singular), seed=seed + 1))
    return left, right, left @ torch.diag(singular) @ right.T


SHAPES = [(6, 6), (6, 20), (20, 6)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("steps", [1, 5, 8])
def test_orthogonalizing_applies_the_quintic_to_every_singular_value(shape, steps):
    singular = torch.tensor([9.0, 4.0, 1.0, 0.3, 0.1], dtype=torch.float64)
    left, right, matrix = with_singular_values(*shape, singular)
    x = singular / singular.norm()
    for _ in range(steps):
        x = 3.4445 * x - 4.7750 * x**3 + 2.0315 * x**5
    found = orthogonalize(matrix, steps, dtype=torch.float64)
    torch.testing.assert_close(found, left @ torch.diag(x) @ right.T, rtol=1e-9, atol=1e-12)
    turned = orthogonalize(matrix.T, steps, dtype=torch.float64)
    torch.testing.assert_close(found.T, turned, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_singular_values_end_near_one(dtype):
    singular = torch.logspace(0, -2, 30, dtype=torch.float64)
    _, _, matrix = with_singular_values(30, 50, singular)
    assert (matrix.norm() * 0.005) < singular.min()
    found = torch.linalg.svdvals(orthogonalize(matrix, dtype=dtype))
    assert 0.65 < found.min() < 0.8
    assert 1.1 < found.max() < 1.25
    rough = torch.linalg.svdvals(orthogonalize(matrix, steps=2, dtype=dtype))
    assert rough.min() < 0.2  # the control: too few steps do not bring them there


def test_a_batch_is_its_matrices():
    batch = random(2, 3, 9, 5)
    found = orthogonalize(batch, dtype=torch.float64)
    for i in range(2):
        for j in range(3):
            one = orthogonalize(batch[i, j], dtype=torch.float64)
            torch.testing.assert_close(found[i, j], one, rtol=1e-10, atol=1e-12)


def test_half_precision_is_close_and_given_back_in_the_matrix_s_own():
    matrix = random(8, 20, dtype=torch.float32)
    rounded = orthogonalize(matrix, dtype=torch.bfloat16)
    assert rounded.dtype == torch.float32
    apart = (rounded - orthogonalize(matrix, dtype=torch.float32)).abs().max()
    assert 0 < apart < 0.05


def test_bfloat16_is_used_where_it_is_fast():
    assert muon.fast_dtype("cuda") == torch.bfloat16
    assert muon.fast_dtype("cpu") == torch.float32
    matrix = random(8, 20, dtype=torch.float32)
    assert torch.equal(orthogonalize(matrix), orthogonalize(matrix, dtype=torch.float32))


@pytest.mark.parametrize("rows_columns", SHAPES)
def test_muon_s_update_has_singular_values_near_one(rows_columns):
    rows, columns = rows_columns
    _, _, gradient = with_singular_values(rows, columns, torch.linspace(1, 5, 6).double())
    theta = nn.Parameter(random(rows, columns, seed=8))
    before = theta.detach().clone()
    descend(Muon([theta], lr=0.1), theta, 1, lambda theta: gradient)
    update = (before - theta.detach()) / (0.1 * max(1, rows / columns) ** 0.5)
    found = torch.linalg.svdvals(update)
    assert 0.65 < found.min() <= found.max() < 1.25
    assert torch.trace(update.T @ gradient) > 0  # and it goes downhill


def test_muon_does_not_see_the_gradient_s_scale():
    def walk(scale):
        theta = nn.Parameter(random(6, 9))
        optimizer = Muon([theta], lr=0.01)
        target = random(6, 9, seed=4)
        return descend(optimizer, theta, 30, lambda t: scale * (t - target))

    assert torch.equal(walk(1), walk(1024))


def test_muon_together_is_muon_one_by_one(exact):
    """Equal shapes share a batch; in groups of their own each is alone."""
    model, twin = network(), network()
    train(model, Muon(weights(model), lr=0.01), 30)
    train(twin, Muon([{"params": [p]} for p in weights(twin)], lr=0.01), 30)
    assert_equal(model, twin, rtol=1e-8, atol=1e-10)


def test_muon_batches_what_is_alike(monkeypatch):
    seen = []

    def watched(batch, steps):
        seen.append(tuple(batch.shape))
        return batch

    monkeypatch.setattr(muon, "orthogonalize", watched)
    model = network()
    train(model, Muon(weights(model), lr=0.01), 1)
    assert sorted(seen) == [(1, 4, 27), (1, 5, 20), (1, 12, 36), (1, 20, 12), (2, 12, 12)]


def test_muon_towards_an_orthogonal_matrix_is_a_straight_line(exact):
    """All singular values are equal on the way: each step adds η p(p(..p(1/√n))) of the target."""
    target, _ = torch.linalg.qr(random(6, 6))
    x = 6**-0.5
    for _ in range(5):
        x = 3.4445 * x - 4.7750 * x**3 + 2.0315 * x**5
    theta = nn.Parameter(torch.zeros(6, 6, dtype=torch.float64))
    optimizer = Muon([theta], lr=0.01, momentum=0.5)
    end = descend(optimizer, theta, 50, lambda t: t - target)
    torch.testing.assert_close(end, 0.01 * 50 * x * target, rtol=1e-9, atol=1e-12)


def test_muon_converges_on_a_quadratic():
    target = random(6, 9, seed=4)
    theta = nn.Parameter(random(6, 9))
    curvature = torch.linspace(0.5, 5, 6, dtype=torch.float64)[:, None]
    optimizer = Muon([theta], lr=0.1, momentum=0.8)
    end = decreasing(optimizer, theta, 200, lambda t: curvature * (t - target))
    assert (end - target).norm() < 0.01 * target.norm()


def test_fixed_norm_is_the_root_of_the_number_of_filters():
    bank, matrix = nn.Parameter(random(8, 3, 3, 3)), nn.Parameter(random(5, 9))
    optimizer = Muon([bank, matrix], lr=0.0, fixed_norm=True)
    direction = bank.detach() / bank.detach().norm()
    for parameter in (bank, matrix):
        parameter.grad = random(*parameter.shape, seed=2)
    optimizer.step()
    torch.testing.assert_close(bank.detach(), direction * 8**0.5, rtol=1e-12, atol=0)
    assert matrix.norm().item() == pytest.approx(5**0.5, rel=1e-12)


def test_a_bank_of_zeros_and_a_gradient_of_zero_stay_numbers():
    bank = nn.Parameter(torch.zeros(8, 3, 3, 3))
    bank.grad = torch.zeros_like(bank)
    Muon([bank], lr=0.1, fixed_norm=True).step()
    assert torch.equal(bank.detach(), torch.zeros(8, 3, 3, 3))


# SAM


def symmetric():
    matrix = random(7, 7, seed=6)
    return matrix @ matrix.T / 7 + 0.1 * torch.eye(7, dtype=torch.float64)


def quadratic_step(optimizer, parts, hessian, closure_sees):
    """One step on ½ θᵀHθ whose θ is in two parts, in two groups."""

    def closure():
        theta = torch.cat(parts)
        loss = 0.5 * theta @ hessian @ theta
        loss.backward()
        closure_sees.append(theta.detach().clone())
        return loss

    for part in parts:
        part.grad = torch.zeros_like(part)
    closure()
    return optimizer.step(closure)


@pytest.mark.parametrize("radius", [0.05, 2.0])
def test_sam_takes_the_gradient_at_the_distance_of_its_radius(radius):
    hessian = symmetric()
    parts = [nn.Parameter(random(3)), nn.Parameter(random(4, seed=1))]
    memory = []
    optimizer = SAM(SGD([{"params": [p]} for p in parts], lr=0.1), radius)
    loss = quadratic_step(optimizer, parts, hessian, memory)
    theta, there = memory
    slope = hessian @ theta
    torch.testing.assert_close(there, theta + radius * slope / slope.norm(), **FLOAT64)
    assert (there - theta).norm().item() == pytest.approx(radius, rel=1e-12)
    torch.testing.assert_close(loss.detach(), 0.5 * there @ hessian @ there)
    expected = hessian @ (theta + radius * slope / slope.norm())
    torch.testing.assert_close(torch.cat([p.grad for p in parts]), expected, **FLOAT64)
    torch.testing.assert_close(torch.cat(parts).detach(), theta - 0.1 * expected, **FLOAT64)


def test_sam_on_a_quadratic_ends_within_its_bounce_of_the_minimum():
    """There g is about ρ H²θ/‖Hθ‖ away from Hθ, so steps shrink with the learning rate alone."""
    hessian = symmetric()
    parts = [nn.Parameter(random(3)), nn.Parameter(random(4, seed=1))]
    base = SGD(parts, lr=0.1)
    optimizer = SAM(base, radius=0.01)
    start = torch.cat(parts).norm().item()
    for step in range(600):
        base.param_groups[0]["lr"] = 0.2 * (1 - step / 600)
        quadratic_step(optimizer, parts, hessian, [])
    assert torch.cat(parts).norm().item() < 0.01 * start


def forget(model):
    """A closure at whose end the gradient is zero, so that plain SGD leaves θ alone."""

    def closure():
        loss_of(model).backward()
        clear(model)

    return closure


def test_sam_puts_the_parameters_back_bitwise():
    model = network(torch.float32)
    before = values(model)
    loss_of(model).backward()
    SAM(SGD(model.parameters(), lr=0.1), radius=0.7).step(forget(model))
    assert all(map(torch.equal, values(model), before))

    loss_of(model).backward()  # the control: there and back again is not the same
    gradients = [0.7 * parameter.grad for parameter in model.parameters()]
    there_and_back = [(v + g) - g for v, g in zip(before, gradients, strict=True)]
    assert not all(map(torch.equal, there_and_back, before))


def test_sam_puts_the_parameters_back_when_the_closure_fails():
    model = network()
    before = values(model)
    moved = []

    def closure():
        moved.append(not all(map(torch.equal, values(model), before)))
        raise KeyboardInterrupt

    loss_of(model).backward()
    optimizer = sam(model)
    with pytest.raises(KeyboardInterrupt):
        optimizer.step(closure)
    assert moved == [True]
    assert all(map(torch.equal, values(model), before))
    assert not optimizer.state


def test_sam_clears_the_gradients_in_place():
    model = network()
    flat = FlatParameters(model)
    optimizer = sam(model)
    seen = []

    def closure():
        seen.append(flat.gradient.abs().sum().item())
        return loss_of(model).backward()

    flat.gradient.zero_()
    loss_of(model).backward()
    optimizer.step(closure)
    assert seen == [0]
    assert flat.gradient.abs().sum() > 0


def test_sam_of_no_radius_is_its_base():
    model, twin = network(torch.float32), network(torch.float32)
    train(model, SAM(adamw(model), radius=0), 20)
    train(twin, adamw(twin), 20)
    assert same(model, twin)


def test_sam_at_a_gradient_of_zero_stays():
    theta = nn.Parameter(random(3))
    before = theta.detach().clone()
    theta.grad = torch.zeros_like(theta)
    there = SAM(SGD([theta], lr=0.1)).step(lambda: theta.detach().clone())
    assert torch.equal(there, before)
    assert torch.equal(theta.detach(), before)


def test_sam_needs_a_closure():
    model = network()
    loss_of(model).backward()
    with pytest.raises(ValueError, match="SAM.step needs a closure .* not None"):
        sam(model).step()


def test_sam_shares_groups_and_state_with_its_base():
    model = network()
    optimizer = sam(model)
    train(model, optimizer, 1)
    saved = copy.deepcopy(optimizer.state_dict())
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups is optimizer.base.param_groups
    assert optimizer.state is optimizer.base.state
    assert len(optimizer.param_groups) == 2
    optimizer.param_groups[0]["lr"] = optimizer.param_groups[1]["lr"] = 0.0
    before = values(model)
    train(model, optimizer, 1)
    assert all(map(torch.equal, values(model), before))


class Wrapped(SGD):
    """A base that keeps its state in a form of its own."""

    def state_dict(self):
        return {"inside": super().state_dict()}

    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict["inside"])


def test_sam_saves_what_its_base_saves():
    model = network()
    optimizer = SAM(Wrapped(model.parameters(), lr=0.1, momentum=0.9))
    train(model, optimizer, 2)
    saved = copy.deepcopy(optimizer.state_dict())
    assert list(saved) == ["inside"]
    other = SAM(Wrapped(model.parameters(), lr=0.3, momentum=0.9))
    other.load_state_dict(saved)
    assert other.param_groups[0]["lr"] == 0.1
    for parameter in model.parameters():
        expected = optimizer.state[parameter]["momentum_buffer"]
        assert torch.equal(other.state[parameter]["momentum_buffer"], expected)
