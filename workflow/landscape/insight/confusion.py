"""How often each class is classified as each other class."""

import numpy as np
import torch
from numpy.typing import NDArray


def confusion(logits: torch.Tensor, labels: torch.Tensor) -> NDArray[np.int64]:
    """Counts [C, C] of images of class row that `logits` [N, C] classify as class column."""
    classes = logits.shape[1]
    pairs = labels * classes + logits.argmax(1)
    counts: NDArray[np.int64] = torch.bincount(pairs, minlength=classes**2).numpy()
    return counts.reshape(classes, classes)


def class_accuracy(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share [C] of each class's images that is classified correctly; every class has some."""
    shares: NDArray[np.float64] = np.diag(matrix) / matrix.sum(axis=1)
    return shares
