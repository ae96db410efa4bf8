"""Which classes are taken for which."""

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification import multiclass_confusion_matrix


def confusion(logits: torch.Tensor, labels: torch.Tensor) -> NDArray[np.int64]:
    """Counts [C, C] of images of class row that the largest of `logits` [N, C] calls column."""
    matrix = multiclass_confusion_matrix(logits.argmax(1), labels, logits.shape[1])
    counts: NDArray[np.int64] = matrix.numpy()
    return counts


def class_accuracy(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """The share [C] of each class's images that is classified correctly; every class has some."""
    shares: NDArray[np.float64] = np.diag(matrix) / matrix.sum(axis=1)
    return shares
