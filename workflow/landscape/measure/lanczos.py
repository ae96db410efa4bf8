"""Eigenvalues of a symmetric linear map, from its products with vectors."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import eigh_tridiagonal

from landscape.measure.hessian import Product


class Lanczos:
    """Lanczos' method (1950) with full reorthogonalization, grown one product at a time.

    After k steps T = QᵀHQ is tridiagonal on the orthonormal basis Q [k, n] of the Krylov space of
    `start` [n]. Each new direction is made orthogonal to all earlier ones, twice, in the vectors'
    own precision; T is kept in float64. A repeated eigenvalue is found once.
    """

    def __init__(self, product: Product, start: torch.Tensor, limit: int):
        self._product = product
        self.basis = start.new_empty((min(limit, start.numel()) + 1, start.numel()))
        self.basis[0] = start / torch.linalg.vector_norm(start, dtype=torch.float64).to(start.dtype)
        self.diagonal: list[float] = []
        self.off_diagonal: list[float] = []  # the last couples the basis to the rest
        self.exhausted = False

    def step(self) -> None:
        """One more product; `exhausted` once the Krylov space or the limit is reached."""
        done = len(self.diagonal)
        known = self.basis[: done + 1]
        following = self._product(known[-1])
        along = torch.dot(following.double(), known[-1].double())
        for _ in range(2):
            following = following - known.T @ (known @ following)
        rest = torch.linalg.vector_norm(following, dtype=torch.float64)
        self.diagonal.append(float(along))
        scale = np.abs([*self.diagonal, *self.off_diagonal]).max()
        rounding = 10 * torch.finfo(following.dtype).eps * scale
        complete = float(rest) <= rounding or done + 1 == following.numel()
        self.off_diagonal.append(0.0 if complete else float(rest))
        self.exhausted = complete or done + 2 == len(self.basis)
        if not complete:
            self.basis[done + 1] = following / rest.to(following.dtype)

    def ritz(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ritz values θ [k] ascending, the eigenvectors of T [k, k], residuals ‖Hy − θy‖ [k]."""
        values, vectors = eigh_tridiagonal(self.diagonal, self.off_diagonal[:-1])
        return values, vectors, self.off_diagonal[-1] * np.abs(vectors[-1])


@dataclass(frozen=True)
class Extremes:
    """The ends of a spectrum: `largest` descending, `smallest` ascending; `residual` is the largest
    ‖Hy − θy‖ among them, the bound of their errors, and `products` how many vectors it took.
    """

    largest: tuple[float, ...]
    smallest: tuple[float, ...]
    residual: float
    products: int


def extremes(
    product: Product,
    start: torch.Tensor,
    largest: int = 1,
    smallest: int = 0,
    tolerance: float = 0.01,
    limit: int = 300,
) -> Extremes:
    """The eigenvalues at the ends, to a residual of `tolerance` times the magnitude of the largest.

    The residual decides when to stop. `limit` bounds the memory: after so many products, the
    returned residual may be larger.
    """
    grown = Lanczos(product, start, limit)
    wanted = largest + smallest
    while True:
        grown.step()
        values, _, residuals = grown.ritz()
        ends = [*range(-1, -largest - 1, -1), *range(smallest)]
        if len(values) < wanted and not grown.exhausted:
            continue
        ends = ends if len(values) >= wanted else list(range(len(values)))
        residual = float(residuals[ends].max())
        if grown.exhausted or residual <= tolerance * abs(values[-1]):
            return Extremes(
                tuple(map(float, values[::-1][:largest])),
                tuple(map(float, values[:smallest])),
                residual,
                len(values),
            )
