"""Steps of small runs, eager or by a capture, and what they leave to compare bit by bit."""

from typing import get_args

import torch

from landscape.config.architectures import (
    Accurate,
    Activation,
    Compact,
    ConvNet,
    Fast,
    Mlp,
    Normalization,
    ResNet18,
    Speedrun,
    Vgg,
    VggName,
)
from landscape.config.recipes import Optimizer, OptimizerName, Schedule
from landscape.config.runs import Run
from landscape.data.batches import Batches, normalized
from landscape.data.dataset import Images
from landscape.training import cuda_graphs
from landscape.training.recorder import Recorder
from landscape.training.trajectory import State, trajectory
from support.runs import a_run, images

STEPS = 36
ARCHITECTURES = {
    **{name: Vgg(name=name, width=0.05) for name in get_args(VggName)},
    **{
        f"convnet {kind}": ConvNet(filters=2, neurons=4, normalization=kind)
        for kind in get_args(Normalization)
    },
    **{
        f"convnet {kind}": ConvNet(filters=2, neurons=4, activation=kind)
        for kind in get_args(Activation)
    },
    "convnet residual": ConvNet(filters=2, neurons=4, residual=True),
    "mlp": Mlp(neurons=4),
    "compact": Compact(width=0.1),
    "fast": Fast(width=0.05),
    "fast, learned stem": Fast(width=0.05, whitening=False, residual=False),
    "accurate": Accurate(width=0.05, blocks=1),
    "speedrun": Speedrun(),
    "resnet18": ResNet18(),
}
MUON = Optimizer(name="muon", momentum=0.6, vector_learning_rate=0.1, head_learning_rate=0.1)
SGD = Optimizer(name="sgd", momentum=0.9, nesterov=True, weight_decay=0.01)
OPTIMIZERS = {
    **{
        name: MUON if name == "muon" else Optimizer(name=name, weight_decay=0.01)
        for name in get_args(OptimizerName)
    },
    "sgd, nesterov": SGD,
    "our_sgd, nesterov": SGD.model_copy(update={"name": "our_sgd"}),
    "rmsprop, momentum": Optimizer(name="rmsprop", momentum=0.9),
    "muon, fixed norm": MUON.model_copy(update={"fixed_norm": True}),
    "sgd, fixed norm": SGD.model_copy(update={"fixed_norm": True}),
    "SAM of sgd": SGD.model_copy(update={"sharpness_radius": 0.1}),
    "SAM of adam": Optimizer(name="adam", sharpness_radius=0.1),
    "SAM of muon": MUON.model_copy(update={"sharpness_radius": 0.1}),
}
NOT_CAPTURED = ("adagrad", "vgg_a_bn_noise")
SHORT = {  # 10 images in batches of 4, 4 and 2: each kind of step is soon captured
    "batch_size": 4,
    "epochs": 4,
    "gradient_lags": (1,),
    "same_batch_every_steps": None,
    "schedule": Schedule(warmup=0.2, decay="cosine"),
    "average_decay": 0.9,
}
SHORT_RUNS = {
    **{name: a_run(**SHORT, architecture=a, optimizer=SGD) for name, a in ARCHITECTURES.items()},
    **{name: a_run(**SHORT, optimizer=optimizer) for name, optimizer in OPTIMIZERS.items()},
    "bfloat16": a_run(**SHORT, precision="bfloat16"),
}


class Started:
    """A run ready to go, and what is left of it at the end."""

    def __init__(self, run: Run, device: str, count: int = 50, steps: int = STEPS):
        resident = images(device)
        resident = Images(resident.pixels[:count], resident.labels[:count])
        self.run, self.steps = run, steps
        self.batches = Batches(resident, run.batch_size, run.seed, device, run.augmentation)
        self.state = State(run, torch.device(device), sample=normalized(resident.pixels.cpu()))
        self.recorder = Recorder(run, self.state, steps)

    def walk(self, capture: cuda_graphs.Capture, until: int | None = None) -> cuda_graphs.Captured:
        stepper = cuda_graphs.Stepper(
            self.run, self.state, self.batches, self.recorder, self.steps, capture, stream=None
        )
        while self.state.step < (until or self.steps):
            stepper.step()
        return stepper.outcome()

    def walk_eagerly(self) -> None:
        for step in trajectory(self.run, self.state, self.batches, self.steps):
            self.recorder.observe(step)

    def outcome(self) -> dict[str, torch.Tensor]:
        found = {
            "parameters": self.state.flat.vector,
            "history": self.recorder.history,
            "probes": self.recorder.probes,
            **dict(self.state.model.named_buffers()),
        }
        return found | {f"average {k}": v for k, v in (self.state.average or {}).items()}


def eager(run: Run, device: str) -> dict[str, torch.Tensor]:
    it = Started(run, device)
    it.walk_eagerly()
    return it.outcome()


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in found.items():
        torch.testing.assert_close(
            tensor,
            expected[name],
            rtol=0,
            atol=0,
            equal_nan=True,
            msg=lambda m, n=name: f"{n}: {m}",
        )


def short(run: Run, capture: cuda_graphs.Capture | None) -> dict[str, torch.Tensor]:
    """What a run of four epochs leaves, captured or else eagerly."""
    it = Started(run, "cpu", count=10, steps=12)
    if capture is None:
        it.walk_eagerly()
    else:
        it.walk(capture)
    return it.outcome()
