"""Loss and accuracy of a model on a set of images."""

import torch
from torch import nn

from landscape.loaders import Batches


def evaluate(model: nn.Module, batches: Batches) -> tuple[float, float]:
    """(mean cross-entropy, share of images classified correctly) in evaluation mode.

    The mode is restored; with running averages frozen nothing else can change. Means are over
    images, so that a smaller last batch does not count for more.
    """
    training = model.training
    model.eval()
    try:
        losses, correct = [], []
        with torch.no_grad():
            for inputs, labels in batches:
                logits = model(inputs)
                losses.append(nn.functional.cross_entropy(logits, labels, reduction="sum"))
                correct.append((logits.argmax(1) == labels).sum())
    finally:
        model.train(training)
    images = len(batches.labels)
    return float(torch.stack(losses).sum()) / images, int(torch.stack(correct).sum()) / images
