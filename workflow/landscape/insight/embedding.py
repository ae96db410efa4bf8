"""The features in a plane: their first two principal components."""

import numpy as np
import torch
from numpy.typing import NDArray


def principal_plane(features: torch.Tensor) -> tuple[NDArray[np.float32], list[float]]:
    """(points [N, 2], the share of the variance along each axis) of features [N, D].

    X - mean = U S Vᵀ; the points are the first two columns of U S. A component's sign is arbitrary:
    here its largest entry in V is positive, so that repetitions agree.
    """
    centred = features.double() - features.double().mean(0)
    _, values, directions = torch.linalg.svd(centred, full_matrices=False)
    plane = directions[:2]
    plane = plane * plane.gather(1, plane.abs().argmax(1, keepdim=True)).sign()
    variances = values**2
    total = variances.sum()
    shares = variances[:2] / total if total > 0 else torch.zeros(len(plane))
    return (centred @ plane.T).float().numpy(), shares.tolist()
