"""Update rules: torch's own where torch has them, loops where it has not."""

import math

import torch


def factor(schedule, step, steps):
    """What the learning rate is multiplied by at a step."""
    warm = int(schedule["warmup"] * steps)
    if step < warm:
        return (step + 1) / warm
    if schedule["decay"] == "constant":
        return 1.0
    done = (step - warm) / (steps - warm)
    falling = 1 - done if schedule["decay"] == "linear" else 0.5 + 0.5 * math.cos(math.pi * done)
    return schedule["final"] + (1 - schedule["final"]) * falling


def build(run, network):
    """A list of (optimizer, its learning rates at factor 1)."""
    settings, rate, parameters = run["optimizer"], run["learning_rate"], list(network.parameters())
    name, decay, momentum = settings["name"], settings["weight_decay"], settings["momentum"]
    optim = torch.optim
    if name in ("sgd", "our_sgd"):
        nesterov = settings["nesterov"]
        made = optim.SGD(parameters, rate, momentum=momentum, weight_decay=decay, nesterov=nesterov)
    elif name == "adam":
        made = optim.Adam(parameters, rate, weight_decay=decay)
    elif name in ("adamw", "our_adamw"):
        made = optim.AdamW(parameters, rate, weight_decay=decay)
    elif name == "rmsprop":
        made = optim.RMSprop(parameters, rate, momentum=momentum, weight_decay=decay)
    elif name == "adagrad":
        made = optim.Adagrad(parameters, rate, weight_decay=decay)
    else:
        return _muon(settings, rate, network)
    return [made]


def step(optimizers, rates, by):
    """One update of each at `by` times the rates that it was built with."""
    for optimizer, own in zip(optimizers, rates, strict=True):
        for group, rate in zip(optimizer.param_groups, own, strict=True):
            group["lr"] = rate * by
        optimizer.step()


def rates_of(optimizers):
    return [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]


class Muon(torch.optim.Optimizer):
    """One matrix at a time (Jordan et al. 2024)."""

    def __init__(self, parameters, settings, rate):
        super().__init__(parameters, {"lr": rate})
        self.settings = settings

    @torch.no_grad()
    def step(self):
        mu = self.settings["momentum"]
        for group in self.param_groups:
            for parameter in group["params"]:
                g = parameter.grad
                state = self.state[parameter]
                state["b"] = mu * state.get("b", torch.zeros_like(g)) + (1 - mu) * g
                update = (1 - mu) * g + mu * state["b"] if self.settings["nesterov"] else state["b"]
                matrix = update.flatten(1)
                turned = newton_schulz(matrix, self.settings["newton_schulz_steps"])
                rows, columns = matrix.shape
                size = max(1, rows / columns) ** 0.5
                if self.settings["fixed_norm"]:
                    parameter.mul_(rows**0.5 / parameter.norm())
                    size = 1
                parameter.sub_(group["lr"] * size * turned.reshape(parameter.shape))


def newton_schulz(matrix, steps):
    """p(x) = 3.4445 x − 4.7750 x³ + 2.0315 x⁵ of every singular value, `steps` times."""
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    s = s / matrix.norm()
    for _ in range(steps):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return u @ torch.diag(s) @ v


def _muon(settings, rate, network):
    """Muon for filter banks and hidden matrices, SGD with Nesterov's momentum for the rest."""
    head = _last_linear(network)
    banks, vectors = [], []
    for parameter in network.parameters():
        if parameter is head:
            continue
        deep = parameter.ndim > 1 and parameter.shape[1] > 1
        (banks if deep else vectors).append(parameter)
    groups = []
    for parameters, own in (
        (vectors, settings["vector_learning_rate"]),
        ([head], settings["head_learning_rate"]),
    ):
        decay = settings["weight_decay"] / own
        groups.append({"params": parameters, "lr": own, "weight_decay": decay})
    momentum = settings["vector_momentum"]
    aside = torch.optim.SGD(groups, rate, momentum=momentum, nesterov=True)
    return [Muon(banks, settings, rate), aside]


def _last_linear(network):
    layers = [m for m in network.modules() if isinstance(m, torch.nn.Linear)]
    return layers[-1].weight
