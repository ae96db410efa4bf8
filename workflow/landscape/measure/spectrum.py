"""The spectral density of a Hessian, by stochastic Lanczos quadrature."""

from dataclasses import dataclass

import numpy as np
import torch

from landscape.measure.hessian import Product
from landscape.measure.lanczos import Lanczos


@dataclass(frozen=True)
class Spectrum:
    """For each probe vector the `nodes` (eigenvalues) and `weights` [probes, steps] of a
    quadrature.

    The weights of a probe sum to 1: Σ w f(θ) estimates (1/P) Σ f(λ) over the P eigenvalues (Ubaru
    et al. 2017; Ghorbani et al. 2019). `size` is P.
    """

    nodes: np.ndarray
    weights: np.ndarray
    size: int

    @property
    def traces(self) -> np.ndarray:
        """For each probe vᵀHv, Hutchinson's (1990) estimate of the trace: f(λ) = λ."""
        traces: np.ndarray = self.size * (self.nodes * self.weights).sum(1)
        return traces

    @property
    def trace(self) -> float:
        return float(self.traces.mean())

    @property
    def trace_error(self) -> float:
        """The standard error of `trace` over the probes."""
        return float(self.traces.std(ddof=1) / np.sqrt(len(self.traces)))


def spectrum(
    product: Product, like: torch.Tensor, probes: int, steps: int, generator: torch.Generator
) -> Spectrum:
    """`probes` runs of `steps` Lanczos steps from random signs v ∈ {−1, 1}ᴾ.

    `like`: any vector [P] that `product` accepts. If a run exhausts its Krylov space early, nodes
    of weight zero fill the rest.
    """
    nodes, weights = np.zeros((probes, steps)), np.zeros((probes, steps))
    for probe in range(probes):
        signs = torch.randint(0, 2, like.shape, generator=generator) * 2 - 1
        grown = Lanczos(product, signs.to(like), steps)
        while not grown.exhausted:
            grown.step()
        values, vectors, _ = grown.ritz()
        nodes[probe, : len(values)], weights[probe, : len(values)] = values, vectors[0] ** 2
    return Spectrum(nodes, weights, like.numel())
