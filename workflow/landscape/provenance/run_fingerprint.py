"""The fingerprint of what a training run executes: its own network and optimizer, and no other's.

The training job imports networks and optimizers on demand, by the module that the settings name. So
its import closure holds none of them, and a run's code is that closure with the closures of its own
network's and optimizer's modules. A change of one network does not retrain the others.
"""

from functools import cache

from landscape.config.runs import PlainRun, Run
from landscape.provenance.fingerprint import closure, digest

# Modules and rooms that a run executes and that cannot change its numbers.
NOT_FINGERPRINTED = {
    "cli": "passes settings on, which are part of a run's identity",
    "config": "settings are part of a run's identity, and so is the code that they name",
    "errors": "what is said when something fails",
    "provenance": "says where results come from",
    "runtime.locks": "which process trains a run, and on which card",
    "runtime.signals": "when training stops: it resumes bit for bit, wherever that is",
    "runtime.slurm": "what a job tells its scheduler",
    "storage.schemas": "checks of tables that are read, not written",
    "training.progress": "how far a run is, to look at",
}


def training_code(run: Run | PlainRun) -> str:
    """SHA-256 of the code behind a run, without comments and docstrings."""
    return _digest(frozenset(training_modules(run)))


def training_modules(run: Run | PlainRun) -> set[str]:
    """The modules on which a run's numbers depend."""
    if isinstance(run, PlainRun):
        modules = closure("plain.job")
    else:
        modules = closure("training.job", run.architecture.module, *run.optimizer.modules)
    return {module for module in modules if not is_explained(module)}


def is_explained(module: str) -> bool:
    """Whether `module`, or the room that it is in, is one of `NOT_FINGERPRINTED`."""
    return any(f"{module}.".startswith(f"{name}.") for name in NOT_FINGERPRINTED)


@cache
def _digest(modules: frozenset[str]) -> str:
    return digest(modules)
