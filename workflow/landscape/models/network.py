"""The interface that training requires of every network."""

import torch
from torch import nn


class Network(nn.Module):
    """Images [N, 3, 32, 32] → logits [N, classes]; `output_layer` is the last linear layer."""

    output_layer: nn.Linear

    def initialize(self, generator: torch.Generator) -> None:
        """He-normal weights (He et al. 2015) and zero biases; scales and shifts stay 1 and 0."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def fit(self, sample: torch.Tensor) -> None:
        """Adapt what is computed from training images [B, 3, 32, 32], not learned; here nothing."""
