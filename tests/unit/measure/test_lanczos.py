"""Lanczos against known spectra, an explicit Hessian and its own residuals."""

import pytest
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import nn
from torch.nn.functional import cross_entropy

from landscape.config.architectures import Vgg
from landscape.measure.hessian import Hessian
from landscape.measure.lanczos import Lanczos, extremes
from landscape.measure.sharpness import batch_sharpness, curvature_along, sharpness
from landscape.models import registry as models
from landscape.models.flat_parameters import FlatParameters
from support.curved import batch, explicit_hessian, random, tiny


def symmetric(eigenvalues, seed=1):
    basis, _ = torch.linalg.qr(random(len(eigenvalues), len(eigenvalues), seed=seed))
    return basis @ torch.diag(eigenvalues) @ basis.T


def test_a_known_spectrum_s_ends_are_found():
    eigenvalues = torch.linspace(-3, 40, 60, dtype=torch.float64)
    matrix = symmetric(eigenvalues)
    found = extremes(lambda v: matrix @ v, random(60), 5, 2, tolerance=1e-10)
    expected = eigenvalues.tolist()
    assert found.largest == pytest.approx(expected[::-1][:5], rel=1e-8)
    assert found.smallest == pytest.approx(expected[:2], rel=1e-8)
    assert found.residual < 1e-8


def test_the_residual_bounds_the_error_and_decides_when_to_stop():
    eigenvalues = torch.linspace(0, 1, 500, dtype=torch.float64) ** 4
    matrix = symmetric(eigenvalues)
    products = []
    for tolerance in (0.1, 0.01, 1e-4):
        found = extremes(lambda v: matrix @ v, random(500), tolerance=tolerance)
        assert found.residual <= tolerance * found.largest[0]
        assert abs(found.largest[0] - 1) <= found.residual
        products.append(found.products)
    assert products == sorted(set(products))
    cut = extremes(lambda v: matrix @ v, random(500), tolerance=1e-12, limit=5)
    assert cut.products == 5
    assert cut.residual > 1e-12  # on record: it was the limit that stopped it


def test_the_basis_stays_orthonormal():
    """In float32 and with eigenvalues over six decades, where plain Lanczos loses it."""
    matrix = symmetric(torch.logspace(-3, 3, 200, dtype=torch.float64)).float()
    grown = Lanczos(lambda v: matrix @ v, random(200).float(), 100)
    while not grown.exhausted:
        grown.step()
    basis = grown.basis[: len(grown.diagonal)]
    assert (basis @ basis.T - torch.eye(len(basis))).abs().max() < 1e-5


def test_a_start_within_few_eigenvectors_exhausts_its_space():
    matrix = torch.diag(torch.arange(1.0, 11.0, dtype=torch.float64))
    start = torch.zeros(10, dtype=torch.float64)
    start[[2, 6]] = 1.0
    found = extremes(lambda v: matrix @ v, start, largest=5)
    assert found.largest == pytest.approx([7.0, 3.0])
    assert found.residual == 0


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, nn.Identity])
def test_sharpness_equals_the_explicit_hessian_s(norm):
    model, (inputs, labels) = tiny(norm), batch()
    flat = FlatParameters(model)
    hessian = Hessian(model, flat, inputs, labels, cross_entropy)
    eigenvalues = torch.linalg.eigvalsh(explicit_hessian(model, flat, inputs, labels))
    found = sharpness(hessian, random(len(flat.vector)), more=True, tolerance=1e-9)
    for k in range(1, 6):
        assert found[f"lambda_{k}"] == pytest.approx(float(eigenvalues[-k]), rel=1e-6)
    assert found["lambda_min"] == pytest.approx(float(eigenvalues[0]), rel=1e-6)
    assert found["lambda_1"] >= curvature_along(hessian, hessian.gradient)
    alone = sharpness(hessian, random(len(flat.vector)), tolerance=1e-9)
    assert list(alone) == ["lambda_1", "residual"]
    assert alone["lambda_1"] == pytest.approx(float(eigenvalues[-1]), rel=1e-6)


def test_of_a_network_too_large_for_a_matrix_it_equals_scipy_s():
    model = models.build(Vgg(name="vgg_a_bn", width=0.05), seed=0).double().train()
    flat = FlatParameters(model)
    hessian = Hessian(model, flat, random(8, 3, 32, 32), torch.arange(8), cross_entropy)
    size = len(flat.vector)
    assert size > 20_000
    operator = LinearOperator(
        (size, size), lambda v: hessian(torch.from_numpy(v.ravel())).numpy(), dtype=float
    )
    expected = eigsh(operator, 3, which="LA", return_eigenvectors=False, tol=1e-9)[::-1]
    found = extremes(hessian, random(size), largest=3, tolerance=1e-5)
    assert found.largest == pytest.approx(list(expected), rel=1e-8)


def test_curvature_along_a_direction_is_its_rayleigh_quotient():
    model, (inputs, labels) = tiny(), batch()
    flat = FlatParameters(model)
    hessian = Hessian(model, flat, inputs, labels, cross_entropy)
    matrix = explicit_hessian(model, flat, inputs, labels)
    g = hessian.gradient
    assert curvature_along(hessian, g) == pytest.approx(float(g @ matrix @ g / (g @ g)), rel=1e-10)
    values, vectors = torch.linalg.eigh(matrix)
    assert curvature_along(hessian, vectors[:, -1].contiguous()) == pytest.approx(
        float(values[-1]), rel=1e-8
    )
    assert torch.isnan(torch.tensor(curvature_along(hessian, torch.zeros_like(g))))


def test_batch_sharpness_is_the_mean_over_batches():
    model, batches = tiny(), [batch(seed) for seed in range(3)]
    flat = FlatParameters(model)
    each = [batch_sharpness(model, flat, [one], cross_entropy)[0] for one in batches]
    mean, gradients = batch_sharpness(model, flat, batches, cross_entropy)
    assert mean == pytest.approx(sum(each) / 3)
    assert len(set(each)) == 3
    for gradient, one in zip(gradients, batches, strict=True):
        assert torch.equal(gradient, Hessian(model, flat, *one, cross_entropy).gradient)


def test_measuring_changes_nothing_and_repeats_bitwise():
    model, (inputs, labels) = tiny(), batch()
    flat = FlatParameters(model)
    flat.gradient.fill_(7.0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    hessian = Hessian(model, flat, inputs, labels, cross_entropy)
    first = sharpness(hessian, random(len(flat.vector)))
    again = sharpness(Hessian(model, flat, inputs, labels, cross_entropy), random(len(flat.vector)))
    assert first == again
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert (flat.gradient == 7).all()


def test_a_block_is_the_explicit_hessian_s_diagonal_block():
    model, (inputs, labels) = tiny(), batch()
    flat = FlatParameters(model)
    matrix = explicit_hessian(model, flat, inputs, labels)
    hessian = Hessian(model, flat, inputs, labels, cross_entropy)
    extent = flat.extent(model[5])
    block = matrix[extent, extent]
    vector = random(len(block))
    product = hessian.block(["5.weight", "5.bias"])(vector)
    torch.testing.assert_close(product, block @ vector)
