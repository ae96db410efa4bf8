"""Operations that a network needs for an image, counted by torch while it runs on one."""

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def forward_flops(model: nn.Module, side: int = 32) -> int:
    """Floating-point operations of one image's forward pass.

    A multiplication with its addition counts as two. Convolutions and matrix products only, as
    `torch.utils.flop_counter` counts: what normalizations and activations cost is bandwidth.
    """
    twin, image = twin_and_image(model, side)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        twin(image)
    return int(counter.get_total_flops())


def twin_and_image(model: nn.Module, side: int = 32) -> tuple[nn.Module, torch.Tensor]:
    """A copy of the model in evaluation mode and one grey image for it, on the CPU.

    Not on torch's "meta" device: its convolutions have SymPy imported, which takes longer than all
    that a single image does here.
    """
    twin = copy.deepcopy(model).to("cpu").eval()
    dtype = next(twin.parameters()).dtype
    return twin, torch.zeros(1, 3, side, side, dtype=dtype)


def training_flops(model: nn.Module, side: int = 32) -> int:
    """The same of a training step, per image: three times the forward pass, as is customary.

    The backward pass multiplies twice as much, for the gradients of inputs and of weights. (It is
    not counted: torch's counter takes a depthwise convolution's backward pass for a full one's.)
    """
    return 3 * forward_flops(model, side)
