"""What is driven on the stand-in card: every network, optimizer, loss, measure and precision."""

from typing import Any, get_args

from landscape.config.architectures import (
    Accurate,
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
from landscape.config.recipes import (
    Augmentation,
    Loss,
    Optimizer,
    OptimizerName,
    Schedule,
    SmallImages,
)
from landscape.config.runs import ProbeSchedule, Run
from support.runs import a_run

MUON = Optimizer(
    name="muon",
    momentum=0.6,
    nesterov=True,
    weight_decay=1e-3,
    vector_learning_rate=0.1,
    head_learning_rate=0.1,
)
FIXED = MUON.model_copy(update={"fixed_norm": True, "newton_schulz_steps": 3})
SAM = Optimizer(name="sgd", momentum=0.9, nesterov=True, sharpness_radius=0.05)
EVERYTHING: dict[str, Any] = {
    "optimizer": FIXED,
    "augmentation": Augmentation(flip="alternating", crop=2, cutout=8),
    "schedule": Schedule(warmup=0.2, decay="linear"),
    "average_decay": 0.9,
    "loss": Loss(label_smoothing=0.2),
    "precision": "bfloat16",
}
SMALL = SmallImages(size=20, share=0.6)
PROBE = ProbeSchedule(every=3, relative_step_sizes=(0.5, 1.0))


def network(architecture: Any, **changes: Any) -> Run:
    changes = {"gradient_lags": (), "study": "network", "name": "x", **changes}
    return a_run(architecture=architecture, **changes)


RUNS: dict[str, Run] = {
    **{name: a_run(architecture=Vgg(name=name, width=0.1)) for name in get_args(VggName)},
    **{
        f"convnet {kind}": network(ConvNet(filters=8, neurons=16, normalization=kind))
        for kind in get_args(Normalization)
    },
    "mlp": network(Mlp(neurons=16, dropout=0.3)),
    "dropout": network(ConvNet(filters=8, neurons=16, dropout=0.3, residual=True)),
    "compact": network(Compact(width=0.25)),
    "full convolutions": network(Compact(width=0.25, depthwise=False)),
    "fast": network(Fast(width=0.1)),
    "fast, everything": network(Fast(width=0.1), small_images=SMALL, **EVERYTHING),
    "learned stem": network(Fast(width=0.1, whitening=False, residual=False)),
    "accurate": network(Accurate(width=0.1, blocks=1), augmentation=Augmentation(mixup=0.2)),
    "accurate, bfloat16": network(Accurate(width=0.1, blocks=1), precision="bfloat16"),
    "speedrun": network(Speedrun()),
    "speedrun, everything": network(Speedrun(), **EVERYTHING),
    "resnet18": network(ResNet18()),
    **{
        f"optimizer {name}": a_run(optimizer=MUON if name == "muon" else Optimizer(name=name))
        for name in get_args(OptimizerName)
    },
    "optimizer muon, fixed norm": network(Fast(width=0.1), optimizer=FIXED),
    "optimizer SAM": a_run(optimizer=SAM),
    "optimizer SAM of muon": a_run(optimizer=MUON.model_copy(update={"sharpness_radius": 0.05})),
    "weight decay": a_run(optimizer=Optimizer(name="our_adamw", weight_decay=0.01)),
    **{
        f"loss {name}": a_run(loss=Loss(name=name), augmentation=Augmentation(mixup=0.2))
        for name in ("cross_entropy", "focal", "squared_error")
    },
    "L1": a_run(loss=Loss(l1=1e-5), average_decay=0.9),
    **{
        f"{study}, {precision}": a_run(precision=precision, gradient_lags=(1,), **measured)
        for study, measured in {"bands": {}, "probe": {"probe": PROBE, "study": "probe"}}.items()
        for precision in ("float32", "tf32", "bfloat16")
    },
    "lags": a_run(gradient_lags=(1, 3)),
}
NOT_CAPTURED = {"optimizer adagrad", "vgg_a_bn_noise"}
# Nodes of a run's smallest and largest graph: a kernel, a copy or a memset each. They must not
# creep up. The largest is of a step with a probe, or with the gradient of one batch at two points.
# (Not counted in bfloat16: there the stand-in's convolutions take a longer way than cuDNN's.)
MOST_NODES = {
    "vgg_a": (145, 380),
    "vgg_a_bn": (162, 510),
    "convnet batch": (84, 84),
    "fast": (119, 119),
    "speedrun": (92, 92),
    "resnet18": (180, 180),
    "compact": (445, 445),
    "accurate": (190, 190),
    "optimizer SAM": (370, 715),
    "optimizer muon, fixed norm": (315, 315),
    "bands, float32": (155, 505),
    "probe, float32": (155, 2520),
}
