"""The fingerprint of the code that a run executes, with only its own network and optimizer.

The training job imports networks and optimizers on demand, by the module that the settings name.
Its import closure therefore has none of them; a run's code is this closure and the closures of its
own network's and optimizer's modules. A change in one network does not retrain the others.
"""

from functools import cache

from landscape.config.runs import PlainRun, Run
from landscape.provenance.fingerprint import closure, digest

# Modules and rooms that a run executes but that cannot change its numbers, with reasons.
NOT_FINGERPRINTED = {
    "cli": "passes settings on, which are part of a run's identity",
    "config": "settings are part of a run's identity, and so is the code that they name",
    "errors": "the messages when something fails",
    "provenance": "records the origin of results",
    "runtime.locks": "decide which process trains a run, and on which GPU",
    "runtime.signals": "decides when training stops; it resumes bit for bit from any step",
    "runtime.slurm": "messages of a job to its scheduler",
    "storage.schemas": "checks tables that are read, not written",
    "training.progress": "displays how far a run is",
}


def training_code(run: Run | PlainRun) -> str:
    """SHA-256 of the code that a run executes, without comments and docstrings."""
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
