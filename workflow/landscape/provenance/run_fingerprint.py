"""The fingerprint of what a training run executes: its own network and optimizer, and no other's.

A change of one network must not retrain the others. So the closure of the training job is taken
without the modules that only other runs reach, and without those that say what may be configured or
how things are reported: settings are part of a run's identity themselves.
"""

from functools import cache

from landscape.config.recipes import Optimizer
from landscape.config.runs import PlainRun, Run
from landscape.provenance.fingerprint import fingerprint, imports

MODELS = {
    "mlp": "models.mlp",
    "convnet": "models.convnet",
    "compact": "models.compact",
    "fast": "models.fast",
    "accurate": "models.accurate",
    "speedrun": "models.speedrun",
    "resnet18": "models.resnet18",
}
VGG = "models.vgg"  # whatever its normalization
SPRINT = "models.whitened"  # that some of these stand on
OPTIMIZERS = {
    "our_sgd": "optimizers.sgd",
    "our_adamw": "optimizers.adamw",
    "muon": "optimizers.muon",
}
BESIDE_MUON = ("optimizers.joint", "optimizers.sgd")
SHARPNESS = "optimizers.sam"
NO_NUMBERS = {
    "config.architectures",
    "errors",
    "provenance.fingerprint",
    "training.progress",
    "provenance.versions",
    "config.recipes",
    "storage.schemas",
    "config.fields",
    "runtime.signals",
    "provenance.run_fingerprint",
}
SPECIAL = {*MODELS.values(), VGG, SPRINT, *OPTIMIZERS.values(), *BESIDE_MUON, SHARPNESS}


def training_code(run: Run | PlainRun) -> str:
    """SHA-256 of the code behind a run, without comments, docstrings and others' networks."""
    if isinstance(run, PlainRun):
        return _fingerprint("plain.job", frozenset(NO_NUMBERS))
    used = {MODELS.get(run.architecture.name, VGG), *_optimizer_modules(run.optimizer)}
    return _fingerprint("training.job", frozenset(NO_NUMBERS | SPECIAL - _reached(used)))


def _optimizer_modules(optimizer: Optimizer) -> set[str]:
    modules = {OPTIMIZERS[optimizer.name]} if optimizer.name in OPTIMIZERS else set()
    if optimizer.name == "muon":
        modules.update(BESIDE_MUON)
    if optimizer.sharpness_radius:
        modules.add(SHARPNESS)
    return modules


def _reached(modules: set[str]) -> set[str]:
    """The special modules among `modules` and what they import, not by way of their packages."""
    found: set[str] = set()
    while modules:
        found |= modules
        modules = {m for name in modules for m in imports(name) & SPECIAL} - found
    return found


@cache
def _fingerprint(job: str, without: frozenset[str]) -> str:
    return fingerprint(job, without=without)
