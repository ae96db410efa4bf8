"""Spectral densities: mass, moments and trace of matrices whose eigenvalues are known."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from landscape.measure.hessian import Hessian
from landscape.measure.spectrum import spectrum
from landscape.models.flat_parameters import FlatParameters
from support.curved import batch, explicit_hessian, random, tiny


def drawn(seed=0):
    return torch.Generator().manual_seed(seed)


def test_mass_is_one_and_the_trace_lies_within_three_standard_errors():
    model, (inputs, labels) = tiny(), batch()
    flat = FlatParameters(model)
    hessian = Hessian(model, flat, inputs, labels, cross_entropy)
    found = spectrum(hessian, flat.vector, probes=20, steps=30, generator=drawn())
    np.testing.assert_allclose(found.weights.sum(1), 1, rtol=1e-12)
    matrix = explicit_hessian(model, flat, inputs, labels)
    assert abs(found.trace - float(matrix.trace())) < 3 * found.trace_error
    assert 0 < found.trace_error < abs(found.trace)


def test_the_trace_is_hutchinson_s_of_the_same_signs():
    matrix = random(40, 40)
    matrix = matrix + matrix.T
    found = spectrum(lambda v: matrix @ v, matrix[0], probes=5, steps=10, generator=drawn())
    generator = drawn()
    for estimate in found.traces:
        signs = (torch.randint(0, 2, (40,), generator=generator) * 2 - 1).double()
        assert estimate == pytest.approx(float(signs @ matrix @ signs), rel=1e-10)


def test_moments_are_the_spectrum_s():
    """k steps integrate polynomials up to degree 2k − 1 exactly, for each probe."""
    eigenvalues = torch.linspace(-1, 5, 300, dtype=torch.float64)
    found = spectrum(lambda v: eigenvalues * v, eigenvalues, 4, 12, drawn())
    # On a diagonal matrix every vector of signs has weight 1/P on each eigenvalue.
    for power in range(1, 23):
        moment = (found.nodes**power * found.weights).sum(1)
        np.testing.assert_allclose(moment, float((eigenvalues**power).mean()), rtol=1e-8)


def test_few_distinct_eigenvalues_leave_empty_nodes():
    eigenvalues = torch.tensor([1.0, 1, 1, 4], dtype=torch.float64)
    found = spectrum(lambda v: eigenvalues * v, eigenvalues, 2, 4, drawn())
    np.testing.assert_allclose(found.weights.sum(1), 1)
    assert ((found.weights > 1e-12).sum(1) == 2).all()


def test_two_runs_are_bitwise_equal():
    matrix = torch.diag(random(30))
    first, again = (
        spectrum(lambda v: matrix @ v, matrix[0], 3, 10, drawn(5)).nodes for _ in range(2)
    )
    assert np.array_equal(first, again)
