"""What each protocol must give where the answer is known, and what it gives: small networks,
float64.
"""

import copy
import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import cross_entropy

from landscape.measure.covariate_shift import covariate_shift
from landscape.measure.gradient import loss_and_gradient
from landscape.measure.gradient_bound import gradient_bound
from landscape.measure.hessian import Hessian
from landscape.measure.lanczos import extremes
from landscape.measure.probe import COLUMNS, probe
from landscape.measure.sharpness import LARGEST, curvature_along, sharpness
from landscape.measure.signal import signal
from landscape.measure.spectrum import spectrum
from landscape.models.flat_parameters import FlatParameters
from landscape.models.normalization import scale_free_layers
from support.curved import batch, explicit_hessian, random, tiny
from unit.measure.test_lanczos import symmetric
from unit.measure.test_probe_and_distances import STEP_SIZES, identity, quadratic
from unit.measure.test_range import edge_of
from unit.measure.test_scale_free import LABELS, RATE, block_beta, inputs, measured, network
from unit.measure.test_scale_free import rescaled as at_other_scales
from unit.measure.test_signal import IMAGES, deep

Answer = tuple[str, str, float, float, float]  # protocol, quantity, least, most, measured
FACTOR = 3.0


@pytest.fixture(scope="module")
def answers(published) -> pd.DataFrame:
    rows = [row for protocol in PROTOCOLS for row in protocol()]
    table = pd.DataFrame(rows, columns=["protocol", "quantity", "least", "most", "measured"])
    published("known_answers", table, ["protocol", "quantity"])
    return table


def test_every_answer_is_right(answers):
    assert (answers["measured"] >= answers["least"]).all(), answers
    assert (answers["measured"] <= answers["most"]).all(), answers


def off(found: float, expected: float) -> float:
    """The relative error."""
    return abs(float(found) / float(expected) - 1)


def curvature() -> Iterator[Answer]:
    model, (images, labels) = tiny(), batch()
    flat = FlatParameters(model)
    hessian = Hessian(model, flat, images, labels, cross_entropy)
    matrix = explicit_hessian(model, flat, images, labels)
    g = hessian.gradient
    found, expected = curvature_along(hessian, g), g @ matrix @ g / (g @ g)
    yield "curvature", "κ against the explicit Hessian", 0, 1e-6, off(found, expected)


def scale() -> Iterator[Answer]:
    model, _, _ = quadratic(lambda basis: random(6, seed=2))
    rows = probe(model, FlatParameters(model), None, None, identity, STEP_SIZES)
    beta, curved = (rows[:, COLUMNS.index(name)] for name in ("beta", "hg_over_g"))
    yield (
        "scale",
        "β against ‖Hg‖/‖g‖ on a quadratic",
        0,
        1e-10,
        float((beta / curved - 1).abs().max()),
    )


def sharpest() -> Iterator[Answer]:
    model, (images, labels) = tiny(), batch()
    flat = FlatParameters(model)
    hessian = Hessian(model, flat, images, labels, cross_entropy)
    expected = torch.linalg.eigvalsh(explicit_hessian(model, flat, images, labels))
    found = sharpness(hessian, random(len(flat.vector)), more=True, tolerance=1e-9)
    errors = [off(found[f"lambda_{k}"], expected[-k]) for k in range(1, LARGEST + 1)]
    errors.append(off(found["lambda_min"], expected[0]))
    yield "sharpness", "λ₁ to λ₅ and λ_min against the explicit Hessian", 0, 1e-6, max(errors)
    eigenvalues = torch.linspace(-3, 40, 60, dtype=torch.float64)
    matrix = symmetric(eigenvalues)
    ends = extremes(lambda v: matrix @ v, random(60), LARGEST, 1, tolerance=1e-10)
    known = [*eigenvalues.tolist()[: -LARGEST - 1 : -1], float(eigenvalues[0])]
    errors = [off(a, b) for a, b in zip((*ends.largest, *ends.smallest), known, strict=True)]
    yield "sharpness", "the ends of a known spectrum", 0, 1e-8, max(errors)


def trainable() -> Iterator[Answer]:
    lowest, highest = edge_of()
    yield "range", "largest rate that converges on a quadratic, in units of 2/λ", 0.99, 1, lowest
    yield "range", "smallest rate that diverges, in units of 2/λ", 1, 1.01, highest


def invariant() -> Iterator[Answer]:
    model = network("vgg_a_bn")
    twin, factors = at_other_scales(model)
    (_, before, scaled, betas), (_, after, other, other_betas) = measured(model), measured(twin)
    laws = {"gradient_norm": 1, "lambda": 2, "lambda_times_norm2": 0}
    worst = {
        name: max(
            off(after[layer][name] * factor**power, before[layer][name])
            for layer, factor in factors.items()
        )
        for name, power in laws.items()
    }
    cosine = max(abs(values["cos_g_w"]) for values in (*before.values(), *after.values()))
    yield "invariant", "a layer's gradient falls by its factor c", 0, 1e-5, worst["gradient_norm"]
    yield "invariant", "λ of its block falls by c²", 0, 1e-5, worst["lambda"]
    yield "invariant", "λ‖w‖² stays", 0, 1e-5, worst["lambda_times_norm2"]
    yield "invariant", "λ₁ in coordinates without a scale stays", 0, 1e-5, off(other, scaled)
    turned = max(off(a, b) for a, b in zip(other_betas, betas, strict=True))
    yield "invariant", "β in these coordinates stays", 0, 1e-5, turned
    yield "invariant", "cosine of g and w", 0, 1e-6, cosine
    yield "invariant", "‖Hw + g‖/‖g‖", 0, 1e-4, max(_euler(model))
    yield "invariant", "‖w‖² grows by η²‖g‖²", 0, 1e-6, max(_growth(model))
    yield "invariant", "β(c²η; cw) c² = β(η; w), c = 3", 0, 1e-5, max(_block_law(model))


def _euler(model) -> Iterator[float]:
    flat = FlatParameters(model)
    hessian = Hessian(model, flat, inputs(), LABELS, cross_entropy)
    for names in scale_free_layers(model).values():
        w, g = (
            torch.cat([flat.views(vector)[name].detach().reshape(-1) for name in names])
            for vector in (flat.vector, hessian.gradient)
        )
        yield float((hessian.block(names)(w) + g).norm() / g.norm())


def _growth(model) -> Iterator[float]:
    flat = FlatParameters(model)
    _, gradient = loss_and_gradient(model, flat, flat.vector, inputs(), LABELS, cross_entropy)
    weights, gradients = flat.views(flat.vector.detach()), flat.views(gradient)
    for layer in scale_free_layers(model):
        w, g = weights[f"{layer}.weight"], gradients[f"{layer}.weight"]
        grown = (w - RATE * g).square().sum() - w.square().sum()
        yield off(grown, RATE**2 * g.square().sum())


def _block_law(model) -> Iterator[float]:
    for names in scale_free_layers(model).values():
        twin = copy.deepcopy(model)
        with torch.no_grad():
            for name in names:
                twin.get_parameter(name).mul_(FACTOR)
        after = block_beta(twin, names, FACTOR**2 * RATE) * FACTOR**2
        yield off(after, block_beta(model, names, RATE))


def theorem() -> Iterator[Answer]:
    model = network("vgg_a_bn")
    for module in model.modules():
        if hasattr(module, "eps"):
            module.eps = 1e-5
    images, labels = random(32, 3, 32, 32), torch.arange(32) % 10
    found = gradient_bound(model, FlatParameters(model), images, labels, cross_entropy)
    ratios = torch.cat([(s["left"] / s["right"])[s["right"] > 1e-20] for s in found.values()])
    yield "theorem", "1 − left over right side, largest", 0, 1e-4, 1 - float(ratios.min())
    yield "theorem", "left over right side − 1, largest", -1, 1e-10, float(ratios.max()) - 1


def shift() -> Iterator[Answer]:
    model, (images, labels) = tiny(), batch()
    flat = FlatParameters(model)
    turns = {}
    for rate in (0.1, 0.01, 0.001):
        found = covariate_shift(model, flat, images, labels, cross_entropy, rate)
        turns[rate] = 1 - found["7"]["shift_cosine"]
    yield "shift", "1 − cosine of the first layer", 0, 1e-12, abs(1 - found["0"]["shift_cosine"])
    for large, small in ((0.1, 0.01), (0.01, 0.001)):
        quotient = turns[small] / turns[large]
        yield (
            "shift",
            f"1 − cosine of the last at η = {small:g} over that at {large:g}",
            0,
            0.05,
            quotient,
        )


def mean_field() -> Iterator[Answer]:
    for normalized, name, growth in (
        (True, "BatchNorm and ReLU", math.pi / (math.pi - 1)),
        (False, "He's weights and ReLU", 1.0),
    ):
        for depth in (5, 10, 40):
            found = _growth_of_gradients(depth, normalized)
            quantity = f"growth of squared gradients a layer, {name}, depth {depth}"
            yield "mean field", quantity, 0.95 * growth, 1.05 * growth, found


def _growth_of_gradients(depth: int, normalized: bool) -> float:
    rates = []
    for seed in range(3):
        model, images = deep(depth, normalized, seed)
        labels = torch.arange(IMAGES) % 10
        found = signal(model, FlatParameters(model), images, labels, cross_entropy)
        squares = [values["gradient_square"] for values in found.values()]
        rates.append(math.log(squares[0] / squares[-1]) / (depth - 1))
    return math.exp(np.mean(rates))


def densities() -> Iterator[Answer]:
    model, (images, labels) = tiny(), batch()
    flat = FlatParameters(model)
    hessian = Hessian(model, flat, images, labels, cross_entropy)
    drawn = torch.Generator().manual_seed(0)
    found = spectrum(hessian, flat.vector, probes=10, steps=30, generator=drawn)
    trace = float(explicit_hessian(model, flat, images, labels).trace())
    mass = float(np.abs(found.weights.sum(1) - 1).max())
    yield "spectrum", "mass − 1", 0, 1e-10, mass
    errors = abs(found.trace - trace) / found.trace_error
    yield "spectrum", "trace − exact trace, in standard errors over 10 probes", 0, 3, errors


PROTOCOLS = (
    curvature,
    scale,
    sharpest,
    trainable,
    invariant,
    theorem,
    shift,
    mean_field,
    densities,
)
