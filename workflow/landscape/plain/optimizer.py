"""The update rule, and the learning rate over a run."""

import torch


class MomentumSGD:
    """Stochastic gradient descent with Nesterov's momentum μ and weight decay λ.

    In the form of Sutskever et al. 2013 that looks ahead along the velocity v (0 at the start) and
    that torch has:

        g ← ∇L(θ) + λ θ,   v ← μ v + g,   θ ← θ − η (g + μ v)
    """

    def __init__(self, parameters: dict[str, torch.Tensor], momentum: float, weight_decay: float):
        self.parameters, self.momentum, self.weight_decay = parameters, momentum, weight_decay
        self.velocity = {name: torch.zeros_like(value) for name, value in parameters.items()}

    def step(self, gradients: dict[str, torch.Tensor], learning_rate: float) -> None:
        """Update the parameters in place by gradients of the same names."""
        for name, parameter in self.parameters.items():
            gradient = gradients[name].add(parameter, alpha=self.weight_decay)
            velocity = self.velocity[name].mul_(self.momentum).add_(gradient)
            parameter.sub_(gradient.add_(velocity, alpha=self.momentum), alpha=learning_rate)


def scheduled(learning_rate: float, step: int, steps: int) -> float:
    """η of step 0, …, steps − 1: up to the peak over a tenth of the steps, then linearly to zero.

    A function of the step alone, so that a resumed run has the same rates.
    """
    warmup = steps // 10
    if step < warmup:
        return learning_rate * (step + 1) / (warmup + 1)
    return learning_rate * (steps - step) / (steps - warmup)
