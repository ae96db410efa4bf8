"""Lengths, distances and inner products of vectors [P], summed in float64.

A float32 sum over ten million squares is off by some 1e-4, enough for a cosine above 1.
"""

import torch


def norm(a: torch.Tensor) -> torch.Tensor:
    """‖a‖₂, a float64 scalar."""
    length: torch.Tensor = torch.linalg.vector_norm(a, dtype=torch.float64)
    return length


def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """‖a − b‖₂, a float64 scalar.

    Between gradients g_i and g_{i−k} this is the *gradient predictiveness* of Santurkar et al.
    (2018): small when the gradient here foretells the gradient there. It is not the difference of
    their norms, which is zero for opposite gradients of equal length.
    """
    return norm(a - b)


def inner(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """⟨a, b⟩, a float64 scalar."""
    return torch.dot(a.double(), b.double())


def cosine(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """⟨a, b⟩ / (‖a‖ ‖b‖), a float64 scalar; NaN where one of them is zero."""
    return inner(a, b) / (norm(a) * norm(b))
