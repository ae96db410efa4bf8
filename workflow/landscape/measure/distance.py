"""How far two points, or two gradients, lie apart."""

import torch


def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """‖a − b‖₂ of two vectors [P], as a scalar tensor.

    Between gradients g_i and g_{i−k} this is the *gradient predictiveness* of Santurkar et al.
    (2018): small when the gradient here foretells the gradient there. It is not the difference of
    their norms, which is zero for opposite gradients of equal length.
    """
    return torch.dist(a, b)
