"""Which runs the images suffice for; the limits are those of the networks and of the sources."""

import pytest
import torch

from landscape.config.architectures import Accurate, Compact, Fast, ResNet18
from landscape.config.images import ONE_PIXEL, require_images
from landscape.config.recipes import ANY_SIDE
from landscape.config.runs import Split
from landscape.config.study import TRAINING_IMAGES
from landscape.data import cifar10
from landscape.data.sources import demo
from landscape.errors import UserError
from landscape.models import registry as models
from support.runs import a_run

NARROW = (Fast(width=0.05), Compact(width=0.05), Accurate(width=0.05, blocks=1), ResNet18())


def test_the_networks_that_end_in_one_pixel_are_known():
    assert {settings.name for settings in NARROW} == set(ANY_SIDE)
    failing = set()
    for settings in NARROW:
        network = models.build(settings, seed=0).train()
        for side in (*range(16, 25), 31):
            try:
                network(torch.zeros(1, 3, side, side))
            except ValueError:
                failing.add((settings.name, side))
    assert failing == ONE_PIXEL


def test_the_sources_have_as_many_images_as_is_said():
    assert TRAINING_IMAGES["demo"] == demo.TRAIN_IMAGES
    assert TRAINING_IMAGES["official"] == cifar10.TRAIN_IMAGES


@pytest.mark.parametrize(
    ("split", "fits"),
    [
        (Split(), True),
        (Split(train_images=100), True),
        (Split(train_images=101), False),
        (Split(train_images=90, validation_images=10), True),
        (Split(train_images=91, validation_images=10), False),
        (Split(validation_images=99), True),
        (Split(validation_images=100), False),
    ],
)
def test_training_and_validation_images_come_from_the_same_ones(split, fits):
    run = a_run(split=split)
    if fits:
        require_images([run], 100)
    else:
        with pytest.raises(UserError, match="split.*100"):
            require_images([run], 100)
