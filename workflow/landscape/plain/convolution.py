"""Convolution as one matrix product: im2col and, on the way back, col2im."""

import torch

from landscape.plain.initial import kaiming
from landscape.plain.layer import Layer
from landscape.plain.layout import to_images, to_rows


class Convolution(Layer):
    """k×k cross-correlation with stride 1 and zeros around, [N, C, H, W] → [N, F, H, W].

    im2col writes the window around each pixel as a row of U [N·H·W, k²·C]. With the weights as a
    matrix W [F, k²·C] the rest is a linear map of rows, with the derivatives of one (G = ∂L/∂Y):

        Y = U Wᵀ + b,   ∂L/∂W = Gᵀ U,   ∂L/∂b = Σ_rows G,   ∂L/∂U = G W

    A pixel of x stands in up to k² windows, so ∂L/∂x adds up all its places in ∂L/∂U (col2im).
    """

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator, kernel: int = 3):
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"kernel: {kernel}, must be odd to have a centre")
        self.inputs, self.kernel = inputs, kernel
        self.parameters["weight"] = kaiming((outputs, inputs, kernel, kernel), generator)
        self.parameters["bias"] = torch.zeros(outputs)
        self._memory = torch.empty(0)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if inputs.ndim != 4 or inputs.shape[1] != self.inputs:
            raise ValueError(
                f"inputs: shape is {list(inputs.shape)}, must be [N, {self.inputs}, H, W]"
            )
        windows = self._windows(inputs)
        self._keep(windows, inputs.shape)
        return to_images(
            torch.addmm(self.parameters["bias"], windows, self._matrix().T), inputs.shape
        )

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        windows, shape = self._recall()
        rows = to_rows(gradient)
        weight = (rows.T @ windows).view(-1, self.kernel, self.kernel, self.inputs)
        self.gradients["weight"] = weight.permute(0, 3, 1, 2).contiguous()
        self.gradients["bias"] = rows.sum(0)
        # U is used up, so its memory takes ∂L/∂U: fresh memory of this size costs more than the
        # product that fills it.
        torch.mm(rows, self._matrix(), out=windows)
        return self._add_up(windows, shape)

    def _matrix(self) -> torch.Tensor:
        """The weights [F, C, k, k] as W [F, k²·C], a row's values in the order of a window's."""
        weight = self.parameters["weight"]
        return weight.permute(0, 2, 3, 1).reshape(len(weight), -1)

    def _windows(self, inputs: torch.Tensor) -> torch.Tensor:
        """im2col: [N, C, H, W] → U [N·H·W, k²·C]."""
        count, channels, height, width = inputs.shape
        k, border = self.kernel, self.kernel // 2
        padded = inputs.new_zeros(count, height + 2 * border, width + 2 * border, channels)
        _inside(padded, border, border, height, width).copy_(inputs.permute(0, 2, 3, 1))
        windows = padded.unfold(1, k, 1).unfold(2, k, 1).permute(0, 1, 2, 4, 5, 3)
        memory = self._room(windows)
        memory.view(windows.shape).copy_(windows)
        return memory

    def _add_up(self, windows: torch.Tensor, shape: torch.Size) -> torch.Tensor:
        """col2im, the transpose of im2col: [N·H·W, k²·C] → [N, C, H, W]."""
        count, channels, height, width = shape
        k, border = self.kernel, self.kernel // 2
        places = windows.view(count, height, width, k, k, channels)
        padded = windows.new_zeros(count, height + 2 * border, width + 2 * border, channels)
        for row in range(k):
            for column in range(k):
                _inside(padded, row, column, height, width).add_(places[:, :, :, row, column])
        return _inside(padded, border, border, height, width).permute(0, 3, 1, 2)

    def _room(self, windows: torch.Tensor) -> torch.Tensor:
        """Memory [N·H·W, k²·C] for the windows: the last batch's, where that is large enough."""
        memory, size = self._memory, windows.numel()
        if (memory.device, memory.dtype) != (windows.device, windows.dtype) or len(memory) < size:
            self._memory = windows.new_empty(size)
        return self._memory[:size].view(-1, self.kernel**2 * self.inputs)


def _inside(padded: torch.Tensor, top: int, left: int, height: int, width: int) -> torch.Tensor:
    """The part of [N, H', W', C] that begins at (top, left)."""
    return padded[:, top : top + height, left : left + width]
