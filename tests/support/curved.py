"""Networks so small that their Hessian fits in a matrix, and that matrix."""

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from landscape.models.flat_parameters import FlatParameters

IMAGES, CLASSES = 12, 3


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def tiny(norm=nn.BatchNorm2d, activation=nn.GELU, pooling=nn.AvgPool2d, seed=3):
    """A convolution, a normalization and a hidden layer: inputs [N, 2, 4, 4], in float64."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), norm(4), activation(), pooling(2), nn.Flatten(),
            nn.Linear(16, 5), activation(), nn.Linear(5, CLASSES),
        )  # fmt: skip
    return model.double().train()


def batch(seed=0, images=IMAGES):
    return random(images, 2, 4, 4, seed=seed), torch.arange(images) % CLASSES


def explicit_hessian(model, flat: FlatParameters, inputs, labels):
    """∇²L [P, P] by torch's own Hessian of the loss as a function of the flat vector."""
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}

    def loss(point):
        logits = functional_call(model, (flat.views(point), buffers), (inputs,))
        return cross_entropy(logits, labels)

    return torch.autograd.functional.hessian(loss, flat.vector.clone())
