"""VGG-A under the names that its users look for."""

import pytest
import torch

from landscape.models import vgg


@pytest.mark.parametrize("name", ["VGG_BatchNorm", "VGG_A_BatchNorm"])
def test_both_names_of_the_normalized_network_give_it(name):
    network = getattr(vgg, name)(width=0.05)
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(norms) == 8  # one for each convolution
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
