"""Muon: momentum whose matrices are orthogonalized, so that every direction gets the same step."""

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from landscape.optimizers.closure import evaluated

# Of the quintic p(x) = ax + bx³ + cx⁵: steepest at 0, so that five steps are enough.
A, B, C = 3.4445, -4.7750, 2.0315
SMALLEST_NORM = 1e-7


class Muon(torch.optim.Optimizer):
    """θ ← (1 − ηλ)θ − η s O with O = `orthogonalize`(b), b ← μb + (1 − μ)g; Jordan et al. 2024.

    With `nesterov` O is of (1 − μ)g + μb. For parameters of two dimensions or more: a filter bank
    [O, I, kh, kw] counts as the matrix [O, I·kh·kw]. η is `lr`, μ `momentum`, λ `weight_decay`. The
    factor s is √max(1, rows/columns) with `scale="muon"` (torch.optim.Muon's "original"), and
    0.2 √max(rows, columns) with `scale="adamw"`, the size of an AdamW update (Liu et al. 2025).

    `fixed_norm` is the recipe of airbench94_muon: each parameter is first rescaled to the Frobenius
    norm √O, the update is plain ηO (s = 1, no adjustment for rows and columns), and there is no
    weight decay. It changes the function unless a normalization follows the layer.

    `lr` may be a 0-dimensional tensor on the parameters' device, which is never read by the host: a
    captured CUDA graph then follows the value written into it.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor,
        momentum: float = 0.95,
        nesterov: bool = True,
        weight_decay: float = 0.0,
        newton_schulz_steps: int = 5,
        fixed_norm: bool = False,
        scale: Literal["muon", "adamw"] = "muon",
    ):
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "nesterov": nesterov,
            "weight_decay": weight_decay,
            "newton_schulz_steps": newton_schulz_steps,
            "fixed_norm": fixed_norm,
            "scale": scale,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        _check(self.defaults | param_group)
        super().add_param_group(param_group)
        for parameter in param_group["params"]:
            if parameter.ndim < 2:
                raise ValueError(
                    "Muon updates parameters of 2 dimensions or more, "
                    f"not of shape {list(parameter.shape)}"
                )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have a gradient; the closure's loss, if there is a closure."""
        loss = evaluated(closure)
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if parameters:
                self._update(parameters, group)
        return loss

    def _update(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        lr, momentum = group["lr"], group["momentum"]
        gradients: Any = [parameter.grad for parameter in parameters]
        buffers = [self._buffer(parameter) for parameter in parameters]
        torch._foreach_lerp_(buffers, gradients, 1 - momentum)
        averages = (
            torch._foreach_lerp(gradients, buffers, momentum) if group["nesterov"] else buffers
        )
        if group["fixed_norm"]:
            _rescale(parameters)
        if group["weight_decay"]:
            torch._foreach_mul_(parameters, 1 - lr * group["weight_decay"])

        # Matrices of one shape go through the iteration together: a launch for all, not for each.
        alike = defaultdict(list)
        for parameter, average in zip(parameters, averages, strict=True):
            matrix = average.flatten(1)
            alike[matrix.shape].append((parameter, matrix))
        for shape, pairs in alike.items():
            batch = torch.stack([matrix for _, matrix in pairs])
            batch = orthogonalize(batch, group["newton_schulz_steps"]) * (
                -lr * _factor(shape, group)
            )
            updates = [
                update.reshape(parameter.shape)
                for (parameter, _), update in zip(pairs, batch.unbind(), strict=True)
            ]
            torch._foreach_add_([parameter for parameter, _ in pairs], updates)

    def _buffer(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        buffer: Tensor = state["momentum_buffer"]
        return buffer


def orthogonalize(matrix: Tensor, steps: int = 5, *, dtype: torch.dtype | None = None) -> Tensor:
    """About UVᵀ of the matrix USVᵀ [..., rows, columns]: `steps` Newton-Schulz iterations.

    X ← aX + b(XXᵀ)X + c(XXᵀ)²X from X = matrix/‖matrix‖ applies p(x) = ax + bx³ + cx⁵ to every
    singular value (Jordan 2024, kellerjordan.github.io/posts/muon). From five steps on they end
    near 1, in about [0.7, 1.2] but not closer, unless they began below about 0.005 of the norm. A
    tall matrix is transposed meanwhile, which makes XXᵀ the smaller of the two Gram matrices. It is
    computed in `dtype`, by default what is fast here (`fast_dtype`), and returned in the matrix's.
    """
    rows, columns = matrix.shape[-2:]
    X = matrix.reshape(-1, rows, columns).to(dtype or fast_dtype(matrix.device.type))
    if rows > columns:
        X = X.mT
    X = X / torch.linalg.matrix_norm(X, keepdim=True).clamp(min=SMALLEST_NORM)
    for _ in range(steps):
        gram = X @ X.mT
        polynomial = torch.baddbmm(gram, gram, gram, beta=B, alpha=C)
        X = torch.baddbmm(X, polynomial, X, beta=A)
    if rows > columns:
        X = X.mT
    return X.reshape(matrix.shape).to(matrix.dtype)


def fast_dtype(device_type: str) -> torch.dtype:
    """bfloat16 on CUDA, which is precise enough for the iteration, and float32 elsewhere."""
    # On a CPU with avx512_bf16 bfloat16 takes twice the time of float32, and results would differ
    # between CPUs with and without it.
    return torch.bfloat16 if device_type == "cuda" else torch.float32


def _rescale(parameters: list[Tensor]) -> None:
    """Bring each parameter to the Frobenius norm √O, O its first dimension."""
    norms = torch._foreach_norm(parameters)
    torch._foreach_clamp_min_(norms, SMALLEST_NORM)
    torch._foreach_div_(norms, [math.sqrt(len(parameter)) for parameter in parameters])
    torch._foreach_div_(parameters, norms)


def _factor(shape: torch.Size, group: dict[str, Any]) -> float:
    rows, columns = shape
    if group["fixed_norm"]:
        return 1.0
    if group["scale"] == "adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1.0, rows / columns))


def _check(group: dict[str, Any]) -> None:
    lr, momentum, decay = group["lr"], group["momentum"], group["weight_decay"]
    steps, scale = group["newton_schulz_steps"], group["scale"]
    if torch.as_tensor(lr).ndim or not 0 <= lr < math.inf:
        raise ValueError(f"lr must be one finite number >= 0, not {lr}")
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must lie in [0, 1), not {momentum}")
    if not 0 <= decay < math.inf:
        raise ValueError(f"weight_decay must be finite and >= 0, not {decay}")
    if not 1 <= steps < 100:
        raise ValueError(f"newton_schulz_steps must lie in [1, 100), not {steps}")
    if scale not in ("muon", "adamw"):
        raise ValueError(f"scale must be 'muon' or 'adamw', not {scale!r}")
    if group["fixed_norm"] and decay:
        raise ValueError(f"weight_decay must be 0 where fixed_norm sets the norm, not {decay}")
    if group["fixed_norm"] and scale != "muon":
        raise ValueError(f"scale is not read with fixed_norm; leave it at 'muon', not {scale!r}")
