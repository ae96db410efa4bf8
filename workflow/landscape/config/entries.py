"""The settings of the network study, each trained once per seed, and the folders of their runs."""

from dataclasses import dataclass, replace
from typing import Literal

from landscape.config.recipes import Recipe
from landscape.config.runs import network_id
from landscape.config.tuning import at_factor

BASE = "base"  # the name of the runs that sweeps are compared with


@dataclass(frozen=True)
class Entry:
    """One setting of the network study, trained once per seed: its names and its recipe.

    `kind` is sweep, ablation or final. `group` is the sweep's factor, or the final network from
    which an ablation removes a part; `level` is its name there. `name` is the folder of its runs:
    all levels that equal the base share `base`.
    """

    kind: Literal["sweep", "ablation", "final"]
    group: str
    level: str
    name: str
    recipe: Recipe

    @property
    def is_base(self) -> bool:
        return is_base(self.name)

    def at(self, factor: float) -> "Entry":
        """The same with its learning rate multiplied; for a factor other than 1, in a subfolder."""
        if factor == 1:
            return self
        recipe = at_factor(self.recipe, factor)
        return replace(self, name=f"{self.name}/lr{recipe.learning_rate!r}", recipe=recipe)


@dataclass(frozen=True)
class Trial:
    """A learning rate that is tried for a setting of the sweeps, by one seed."""

    setting: str  # the name of its runs at its own learning rate
    factor: float
    entry: Entry
    seed: int

    @property
    def run_id(self) -> str:
        return network_id(self.entry.name, self.seed)


def setting_of(name: str) -> str:
    """The setting whose runs are in `name`, at any learning rate: `base/lr0.1` → `base`."""
    parts = name.split("/")
    return "/".join(parts[: 1 if parts[0] == BASE else 3])


def is_base(name: str) -> bool:
    return setting_of(name) == BASE


def slug(name: str) -> str:
    """A level's name as the name of a folder, without spaces."""
    return name.replace(" ", "_")
