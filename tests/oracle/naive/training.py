"""One run, step by step, each step from the weights that the workflow saved before it."""

import math

import pandas as pd
import torch

from oracle.naive import networks, optimizers
from oracle.naive.chance import number
from oracle.naive.images import batch, batches_per_epoch, inputs_of
from oracle.naive.losses import correct, loss


class Walk:
    """A run's network on the workflow's saved weights.

    At every step the network is put where the workflow stood, so that rounding, which a chaotic run
    doubles at each step, cannot add up. The optimizers keep their own memory.
    """

    def __init__(self, saved, run, images):
        self.run, self.images, self.saved = run, images, saved
        self.count = len(images.train[1])
        self.per_epoch = batches_per_epoch(run, self.count)
        self.steps = run["steps"] or self.per_epoch * run["epochs"]
        sample = inputs_of(images.train[0][:2000]).float()
        self.network = networks.build(run["architecture"], run["seed"], sample)
        self.initial = {k: v.clone() for k, v in self.network.state_dict().items()}
        self.network.double().to(memory_format=torch.channels_last)
        self.parameters = dict(self.network.named_parameters())
        self.optimizers = optimizers.build(run, self.network)
        self.rates = optimizers.rates_of(self.optimizers)
        self.norms = {k: v.detach().norm() for k, v in self.parameters.items()}
        self.gradients = []

    def snapshot(self, step):
        prefix = f"{step}/"
        return {k[len(prefix) :]: v for k, v in self.saved.items() if k.startswith(prefix)}

    def stand_at(self, step):
        self.network.load_state_dict(self.snapshot(step))

    def pass_at(self, step):
        """(loss, images classified correctly, gradient by name) of the step's batch, where we are.

        The network's running statistics move.
        """
        inputs, targets = batch(self.run, self.images, step)
        small = self.run["small_images"]
        if small and step / self.steps < small["share"]:
            side = (small["size"], small["size"])
            inputs = torch.nn.functional.interpolate(
                inputs.float(), side, mode="bilinear", antialias=True
            ).double()
        self.network.train()
        torch.manual_seed(number(self.run["seed"], "dropout", step))
        logits = self.network(inputs)
        value = loss(self.run["loss"], logits, targets)
        gradient = torch.autograd.grad(value, list(self.parameters.values()))
        named = dict(zip(self.parameters, gradient, strict=True))
        return float(value.detach()), correct(logits, targets), named

    def step(self, step):
        """(loss, correct, gradient) at a step; the network then stands after its update."""
        self.stand_at(step)
        value, right, gradient = self.pass_at(step)
        penalty = self.run["loss"]["l1"]
        for name, parameter in self.parameters.items():
            gradient[name] = gradient[name] + penalty * parameter.detach().sign()
        self.gradients.append(gradient)
        used = gradient
        if self.run["optimizer"]["sharpness_radius"]:
            used = self._sam(step, gradient, penalty)
        for name, parameter in self.parameters.items():
            parameter.grad = used[name]
        by = optimizers.factor(self.run["schedule"], step, self.steps)
        optimizers.step(self.optimizers, self.rates, by)
        if self.run["optimizer"]["fixed_norm"] and self.run["optimizer"]["name"] == "sgd":
            for name, parameter in self.parameters.items():
                if parameter.ndim == 4:
                    parameter.data *= self.norms[name] / parameter.data.norm()
        return value, right, gradient

    def _sam(self, step, gradient, penalty):
        """The gradient where the loss is higher, ρ away along the gradient."""
        before = {k: v.clone() for k, v in self.network.state_dict().items()}
        length = self.run["optimizer"]["sharpness_radius"] / norm(gradient)
        for name, parameter in self.parameters.items():
            parameter.data += length * gradient[name]
        _, _, there = self.pass_at(step)
        for name, parameter in self.parameters.items():
            there[name] = there[name] + penalty * parameter.detach().sign()
        self.network.load_state_dict(before)
        return there

    def averaged(self, until):
        """The running average of everything that is a number after `until` steps."""
        average = {k: v.double() for k, v in self.snapshot(0).items()}
        for done in range(1, until + 1):
            keep = min(self.run["average_decay"], (1 + done) / (10 + done))
            for name, value in self.snapshot(done).items():
                average[name] = keep * average[name] + (1 - keep) * value.double()
        return average

    def weights_after(self, step):
        return self.averaged(step) if self.run["average_decay"] else self.snapshot(step)


def norm(vectors):
    return math.sqrt(sum(float((v.double() ** 2).sum()) for v in vectors.values()))


def apart(a, b):
    return norm({name: a[name].double() - b[name].double() for name in a})


def scores(network, weights, images, views=False):
    """(cross-entropy, share classified correctly) of the images as they are."""
    pixels, labels = images
    network.load_state_dict(weights)
    network.eval()
    with torch.no_grad():
        inputs = inputs_of(pixels)
        logits = six_views(network, inputs) if views else network(inputs)
    cross_entropy = {"name": "cross_entropy", "label_smoothing": 0.0}
    return float(loss(cross_entropy, logits, labels)), correct(logits, labels) / len(labels)


def six_views(network, inputs):
    """Half of the weight on the image and its mirror image, half on two shifted by a pixel."""
    padded = torch.nn.functional.pad(inputs, (1, 1, 1, 1), mode="reflect")
    total = 0
    for shift, weight in ((1, 1 / 4), (0, 1 / 8), (2, 1 / 8)):
        view = padded[:, :, shift : shift + 32, shift : shift + 32]
        total = total + weight * (network(view) + network(view.flip(3)))
    return total


def table(folder, name):
    path = folder / name
    read = pd.read_parquet if path.suffix == ".parquet" else pd.read_csv
    return read(path).to_dict("records")
