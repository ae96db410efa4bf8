"""Max pooling."""

from collections.abc import Iterator

import torch

from landscape.plain.layer import Layer


class MaxPooling(Layer):
    """The maximum of each k×k tile, [N, C, H, W] → [N, C, ⌊H/k⌋, ⌊W/k⌋]; rows left over are unused.

    y = x_j with j the place of the maximum, so ∂y/∂x_j = 1 and 0 elsewhere: the gradient goes to
    the maximum. Of several equal ones (zeros, after a ReLU) it goes to the first, as torch has it.
    """

    def __init__(self, size: int = 2):
        super().__init__()
        self.size = size

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        places = self._places(inputs)
        outputs = next(places).clone()
        for values in places:
            torch.maximum(outputs, values, out=outputs)
        self._keep(inputs, outputs)
        return outputs

    def backward(self, gradient: torch.Tensor) -> torch.Tensor:
        inputs, outputs = self._recall()
        result = torch.zeros_like(inputs)
        remaining = gradient.clone()
        for values, target in zip(self._places(inputs), self._places(result), strict=True):
            torch.eq(values, outputs, out=target).mul_(remaining)
            remaining.sub_(target)
        return result

    def _places(self, images: torch.Tensor) -> Iterator[torch.Tensor]:
        """For each of the k² places in a tile, in reading order, its values in all tiles; views."""
        height, width = (length // self.size * self.size for length in images.shape[2:])
        for row in range(self.size):
            for column in range(self.size):
                yield images[:, :, row : height : self.size, column : width : self.size]
