"""Loss and accuracy of a model on a set of images."""

from collections.abc import Callable

import torch
from torch import nn

from landscape.data.batches import Batches

EVALUATION_BATCH = 500  # images at a time; it changes nothing but memory and speed

Predict = Callable[[nn.Module, torch.Tensor], torch.Tensor]


def once(model: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Logits [B, C] of the images as they are."""
    logits: torch.Tensor = model(inputs)
    return logits


def six_views(model: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Test-time augmentation: the mean logits over mirrored and shifted copies of each image.

    Half of the weight is on the image and its mirror image, half on the two shifted by a pixel
    diagonally, up-left and down-right, and their mirror images (Jordan 2024). It costs six forward
    passes, so its accuracy is no accuracy of the network alone.
    """
    side = inputs.shape[-1]
    padded = nn.functional.pad(inputs, (1, 1, 1, 1), mode="reflect")
    centre, *shifted = (padded[:, :, k : k + side, k : k + side] for k in (1, 0, 2))

    def both_ways(images: torch.Tensor) -> torch.Tensor:
        total: torch.Tensor = model(images) + model(images.flip(3))
        return total / 2

    return (both_ways(centre) + (both_ways(shifted[0]) + both_ways(shifted[1])) / 2) / 2


def predictions(model: nn.Module, batches: Batches, predict: Predict = once) -> torch.Tensor:
    """Logits [N, C] of all images, in their order, in evaluation mode.

    The mode is restored; with running averages frozen nothing else can change.
    """
    if batches.seed is not None:
        raise ValueError("shuffled batches have no order: predictions need batches without a seed")
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            return torch.cat([predict(model, inputs) for inputs, _ in batches])
    finally:
        model.train(training)


def evaluate(model: nn.Module, batches: Batches, predict: Predict = once) -> tuple[float, float]:
    """(mean cross-entropy, share of images classified correctly).

    Means are over images, so that a smaller last batch does not count for more.
    """
    logits = predictions(model, batches, predict)
    loss = nn.functional.cross_entropy(logits, batches.labels)
    return float(loss), float((logits.argmax(1) == batches.labels).double().mean())
