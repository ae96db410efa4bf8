"""A run of each study, and generated images."""

from typing import Any

import torch

from landscape.config.architectures import ConvNet, Fast, Vgg
from landscape.config.recipes import Augmentation, Optimizer, Schedule, SmallImages
from landscape.config.runs import ProbeSchedule, Run, Split
from landscape.data.dataset import Images


def images(device: str) -> Images:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (50, 3, 32, 32), dtype=torch.uint8, generator=generator)
    return Images(pixels.to(device), torch.arange(50).to(device) % 10)


def a_run(**changes: Any) -> Run:
    settings: dict[str, Any] = {
        "study": "bands",
        "architecture": Vgg(name="vgg_a_bn", width=0.05),
        "learning_rate": 0.01,
        "seed": 0,
        "optimizer": Optimizer(name="adam"),
        "batch_size": 16,  # the last batch of an epoch has 2 images
        "epochs": 8,
        "gradient_lags": (1, 3),
        "same_batch_every_steps": 6,
        "split": Split(),
        "device": "auto",
        "precision": "float32",
        **changes,
    }
    return Run(**settings)


# Small runs of every kind: a study's measures, and what draws anew or passes twice at each step.
RUNS = {
    "bands": a_run(),
    "probe": a_run(
        study="probe",
        optimizer=Optimizer(name="sgd", momentum=0.9, nesterov=True),
        gradient_lags=(1,),
        same_batch_every_steps=None,
        probe=ProbeSchedule(every=3, relative_step_sizes=(0.5, 1.0)),
    ),
    "network": a_run(
        study="network",
        name="x",
        architecture=Fast(width=0.05),
        gradient_lags=(),
        same_batch_every_steps=None,
        optimizer=Optimizer(
            name="muon", momentum=0.6, vector_learning_rate=0.1, head_learning_rate=0.1
        ),
        small_images=SmallImages(size=20, share=0.6),
        augmentation=Augmentation(flip="alternating", crop=2, cutout=4),
        schedule=Schedule(warmup=0.2, decay="linear"),
        average_decay=0.9,
    ),
    "dropout": a_run(architecture=ConvNet(filters=2, neurons=8, dropout=0.5), gradient_lags=()),
    "mixup": a_run(augmentation=Augmentation(mixup=0.4, flip="random"), gradient_lags=()),
    "SAM": a_run(optimizer=Optimizer(name="sgd", momentum=0.9, sharpness_radius=0.1)),
}
