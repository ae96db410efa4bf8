"""Fully connected layers only: the network that convolution is compared with."""

import torch
from torch import nn

from landscape.config.architectures import Mlp as Settings
from landscape.models.layers import activate
from landscape.models.network import Network


class Mlp(Network):
    """Pixels → hidden linear layers, each with activation and dropout → logits."""

    def __init__(self, settings: Settings, classes: int = 10):
        super().__init__()
        self.hidden = nn.Sequential()
        inputs = 3 * 32 * 32
        for _ in range(settings.hidden_layers):
            self.hidden.append(nn.Linear(inputs, settings.neurons))
            self.hidden.append(activate(settings.activation))
            self.hidden.append(nn.Dropout(settings.dropout))
            inputs = settings.neurons
        self.output_layer = nn.Linear(inputs, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.output_layer(self.hidden(images.flatten(1)))
        return logits


def build(settings: Settings, classes: int) -> Network:
    return Mlp(settings, classes)
