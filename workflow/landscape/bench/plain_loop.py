"""The reference: the plain loop that the course's students write."""

import multiprocessing
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from landscape.config.runs import Run
from landscape.data.dataset import Images
from landscape.models import registry as models

WORKERS = 4


class Pictures(Dataset[tuple[torch.Tensor, int]]):
    """The images, one by one, as PIL pictures with transforms."""

    def __init__(self, images: Images):
        self.pixels = images.pixels.permute(0, 2, 3, 1).numpy()
        self.labels = images.labels.tolist()
        half = (0.5, 0.5, 0.5)
        steps: list[Any] = [transforms.ToTensor(), transforms.Normalize(half, half)]  # type: ignore[no-untyped-call]
        self.transform: Any = transforms.Compose(steps)  # type: ignore[no-untyped-call]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        picture = Image.fromarray(np.ascontiguousarray(self.pixels[index]))
        return self.transform(picture), self.labels[index]


def plain_loop(run: Run, images: Images, device: torch.device) -> Iterator[None]:
    """Train without end, a step for each `next`; losses and gradients go to the host each time.

    float32, the usual memory layout, torch's default optimizer settings. The last, smaller batch of
    an epoch is left out, so that all steps have the same size.
    """
    model: nn.Module = models.build(run.architecture, run.seed)
    model = model.to(device).to(memory_format=torch.contiguous_format).train()
    optimizer: torch.optim.Optimizer
    if run.optimizer.name == "adam":
        optimizer = torch.optim.Adam(model.parameters(), lr=run.learning_rate)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=run.learning_rate)
    loss_function = nn.CrossEntropyLoss()
    # Four, as in the course, whatever the number of cores.
    warnings.filterwarnings("ignore", "This DataLoader will create")
    workers = min(WORKERS, len(images.labels) // run.batch_size)
    batches = DataLoader(
        Pictures(images),
        run.batch_size,
        shuffle=True,
        num_workers=workers,
        drop_last=True,
        # The platform's default; a spawned process would spawn its own children too.
        multiprocessing_context=multiprocessing.get_all_start_methods()[0],
    )
    losses: list[float] = []
    while True:
        for inputs, labels in batches:
            inputs, labels = inputs.to(device), labels.to(device)
            optimizer.zero_grad()
            loss = loss_function(model(inputs), labels)
            loss.backward()
            losses.append(loss.item())
            # Only the last step's: the gradients of an epoch would not fit into memory.
            [parameter.grad.clone().cpu() for parameter in model.parameters()]  # type: ignore[union-attr]
            optimizer.step()
            yield
