"""Each loss equals its reference and its naive twin, repeats, converges, does what defines it."""

import math

import pytest
import torch
import torchvision
from torch.nn.functional import cross_entropy, one_hot

from landscape.config.recipes import Loss
from landscape.training import losses
from landscape.training.losses import focal

CLASSES = 10
SETTINGS = {
    "cross_entropy": Loss(),
    "label_smoothing": Loss(label_smoothing=0.2),
    "focal": Loss(name="focal", focusing=2.0),
    "focal, γ < 1": Loss(name="focal", focusing=0.5),
    "squared_error": Loss(name="squared_error"),
}


def logits_and_labels(count=16, dtype=torch.float64):
    generator = torch.Generator().manual_seed(4)
    logits = 3 * torch.randn(count, CLASSES, generator=generator, dtype=dtype)
    return logits, torch.randint(0, CLASSES, (count,), generator=generator)


def mixed(labels, share=0.3):
    """Probabilities [B, C]: `share` of the labels, the rest of the labels reversed."""
    first, second = one_hot(labels, CLASSES).double(), one_hot(labels.flip(0), CLASSES).double()
    return share * first + (1 - share) * second


def naive(settings, logits, targets):
    """The same loss, image by image and class by class, in Python's numbers."""
    if targets.ndim == 1:
        targets = one_hot(targets, CLASSES)
    total = 0.0
    for z, t in zip(logits.tolist(), targets.tolist(), strict=True):
        normalizer = sum(math.exp(value) for value in z)
        p = [math.exp(value) / normalizer for value in z]
        for c in range(CLASSES):
            match settings.name:
                case "cross_entropy":
                    smooth = settings.label_smoothing
                    t_c = (1 - smooth) * t[c] + smooth / CLASSES
                    total -= t_c * math.log(p[c])
                case "focal":
                    total -= t[c] * (1 - p[c]) ** settings.focusing * math.log(p[c])
                case "squared_error":
                    total += (z[c] - t[c]) ** 2
    return total / len(logits)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_loss_equals_its_naive_twin(name):
    logits, labels = logits_and_labels()
    loss = losses.build(SETTINGS[name])
    for targets in (labels, mixed(labels)):
        expected = naive(SETTINGS[name], logits, targets)
        assert loss(logits, targets).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_cross_entropy_is_torch_s_bit_for_bit(smoothing):
    logits, labels = logits_and_labels(dtype=torch.float32)
    loss = losses.build(Loss(label_smoothing=smoothing))
    assert torch.equal(
        loss(logits, labels), cross_entropy(logits, labels, label_smoothing=smoothing)
    )


def test_focal_without_focusing_is_cross_entropy():
    logits, labels = logits_and_labels()
    torch.testing.assert_close(focal(logits, labels, 0.0), cross_entropy(logits, labels))


@pytest.mark.parametrize("focusing", [0.5, 1.0, 2.0, 5.0])
def test_focal_of_two_classes_is_torchvision_s(focusing):
    """Its sigmoid of z is the softmax of (0, z)."""
    generator = torch.Generator().manual_seed(1)
    z = 2 * torch.randn(20, generator=generator, dtype=torch.float64)
    labels = torch.arange(20) % 2
    ours = focal(torch.stack([torch.zeros_like(z), z], dim=1), labels, focusing)
    theirs = torchvision.ops.sigmoid_focal_loss(
        z, labels.double(), alpha=-1, gamma=focusing, reduction="mean"
    )
    torch.testing.assert_close(ours, theirs)


def test_what_is_right_counts_less_the_more_focus_there_is():
    """The weight against cross-entropy is (1 − p)^γ: 0.01 at p = 0.9 and γ = 2."""
    for p in (0.1, 0.5, 0.9):
        logits = torch.tensor([[p, 1 - p]], dtype=torch.float64).log()
        label = torch.tensor([0])
        for focusing in (0.5, 1.0, 2.0):
            weight = focal(logits, label, focusing) / cross_entropy(logits, label)
            assert weight.item() == pytest.approx((1 - p) ** focusing)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("focusing", [0.0, 0.1, 0.5, 1.0, 2.0])
def test_focal_of_a_certain_prediction_has_a_gradient(focusing, dtype):
    """p rounds to one: (1 − p)^γ with γ < 1 has no derivative at zero, the loss has: zero."""
    for margin in (10.0, 20.0, 200.0, 1e4):
        for label in (0, 1):
            logits = torch.tensor([[margin, 0, 0]], dtype=dtype, requires_grad=True)
            focal(logits, torch.tensor([label]), focusing).backward()
            assert logits.grad.isfinite().all()
            wrong = float(label == 1)
            assert logits.grad.abs().max().item() == pytest.approx(wrong, abs=1e-3)


@pytest.mark.parametrize("name", ["cross_entropy", "label_smoothing", "focal", "focal, γ < 1"])
def test_the_loss_of_mixed_labels_is_the_mixture_of_losses(name):
    logits, labels = logits_and_labels()
    loss = losses.build(SETTINGS[name])
    expected = 0.3 * loss(logits, labels) + 0.7 * loss(logits, labels.flip(0))
    torch.testing.assert_close(loss(logits, mixed(labels)), expected)


def test_squared_error_of_mixed_labels_is_less_by_the_labels_variance():
    """‖z − m‖² = λ‖z − a‖² + (1 − λ)‖z − b‖² − λ(1 − λ)‖a − b‖² with m = λa + (1 − λ)b."""
    logits, labels = logits_and_labels()
    loss = losses.build(SETTINGS["squared_error"])
    first, second = one_hot(labels, CLASSES), one_hot(labels.flip(0), CLASSES)
    apart = (first - second).square().sum(1).double().mean()
    mixture = 0.3 * loss(logits, labels) + 0.7 * loss(logits, labels.flip(0))
    torch.testing.assert_close(loss(logits, mixed(labels)), mixture - 0.3 * 0.7 * apart)


@pytest.mark.parametrize("name", SETTINGS)
def test_gradients_are_right(name):
    logits, labels = logits_and_labels(count=4)
    loss = losses.build(SETTINGS[name])
    for targets in (labels, mixed(labels)):
        assert torch.autograd.gradcheck(
            lambda z, targets=targets: loss(z, targets), logits.clone().requires_grad_()
        )


@pytest.mark.parametrize("name", SETTINGS)
def test_two_calls_are_bitwise_equal(name):
    logits, labels = logits_and_labels(count=128, dtype=torch.float32)
    loss = losses.build(SETTINGS[name])
    gradients = []
    for _ in range(2):
        z = logits.clone().requires_grad_()
        loss(z, labels).backward()
        gradients.append(z.grad)
    assert torch.equal(loss(logits, labels), loss(logits, labels))
    assert torch.equal(*gradients)


@pytest.mark.parametrize("name", SETTINGS)
def test_it_separates_what_can_be_separated(name):
    """Linear regression on four points, one for each class, as far apart as can be."""
    inputs, labels = torch.eye(4, dtype=torch.float64), torch.arange(4)
    weight = torch.zeros(4, CLASSES, dtype=torch.float64, requires_grad=True)
    loss = losses.build(SETTINGS[name])
    first = loss(inputs @ weight, labels).item()
    for _ in range(300):
        (gradient,) = torch.autograd.grad(loss(inputs @ weight, labels), weight)
        with torch.no_grad():
            weight -= 0.5 * gradient
    logits = inputs @ weight
    assert logits.argmax(1).tolist() == labels.tolist()
    assert loss(logits, labels).item() < (0.9 if name == "label_smoothing" else 0.2) * first


def test_the_class_of_a_mixed_image_is_its_larger_part_s():
    labels = torch.tensor([3, 1, 4])
    assert torch.equal(losses.classes(labels), labels)
    assert torch.equal(losses.classes(mixed(labels, share=0.6)), labels)
    assert torch.equal(losses.classes(mixed(labels, share=0.4)), labels.flip(0))
