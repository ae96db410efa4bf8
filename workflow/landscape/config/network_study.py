"""The `network:` part of the configuration: sweeps, ablations and final models as training runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from landscape.config.fields import (
    Count,
    NotNegative,
    Positive,
    Seed,
    Settings,
    Several,
    Share,
)
from landscape.config.mistakes import described
from landscape.config.recipes import Recipe
from landscape.config.runs import CLASSES, Device, PlainRun, Precision, Run, Split

Factor = Literal[
    "filters",
    "neurons",
    "structure",
    "normalization",
    "activation",
    "loss",
    "regularization",
    "augmentation",
    "optimizer",
]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._+-]*$")]
Changes = dict[str, Any]
BASE = "base"  # the name of the runs that sweeps are compared with
JUDGED_BY = "validation_accuracy"  # of sweeps and ablations: they do not read the test images


@dataclass(frozen=True)
class Entry:
    """One setting of the network study, trained once per seed: its place and its recipe.

    `kind` is sweep, ablation or final. `group` is the sweep's factor or the final network that an
    ablation takes something from; `level` what it is called there. `name` is where its runs lie:
    several levels that equal the base share `base`.
    """

    kind: Literal["sweep", "ablation", "final"]
    group: str
    level: str
    name: str
    recipe: Recipe


class Plain(Settings):
    """The network of plain tensors, with hand-derived backward passes."""

    filters: Count
    neurons: Count
    learning_rate: Positive
    momentum: Share
    weight_decay: NotNegative
    batch_size: Count
    epochs: Count
    seeds: Several[Seed]


class Insight(Settings):
    """Which trained runs are looked into: finals by name, and others by their ids.

    Where `runs` and `surfaces` are left out, they are these finals (their first seed) and the
    bands study's architectures (first learning rate, first seed), and surfaces of the latter.
    """

    finals: tuple[Name, ...]
    runs: tuple[str, ...] = ()
    surfaces: tuple[str, ...] = ()  # loss surfaces, side by side
    surface_points: Annotated[Count, Field(ge=3, le=101)]  # along each side
    surface_images: Annotated[Count, Field(ge=CLASSES)]  # as many of each class
    # Test images that attributions, embedding and robustness are computed from.
    images: Annotated[Count, Field(ge=CLASSES)]


class NetworkStudy(Settings):
    """Everything about the best network and why."""

    split: Split
    precision: Precision
    base: Recipe
    seeds: Several[Seed]
    sweeps: dict[Factor, dict[Name, Changes]]
    finals: dict[Name, Changes]
    final_seeds: Several[Seed]
    ablations: dict[Name, dict[Name, Changes]]
    plain: Plain | None = None
    insight: Insight | None = None

    @field_validator("sweeps", "finals", "ablations", mode="before")
    @classmethod
    def _nulls_are_left_out(cls, value: Any, info: ValidationInfo) -> Any:
        """A file laid over config.yaml cannot take a key away; it can set it to null."""
        kept = _without_nulls(value)
        if info.field_name == "finals" or not isinstance(kept, dict):
            return kept
        return {name: _ascending(_without_nulls(levels)) for name, levels in kept.items()}

    @model_validator(mode="after")
    def _recipes_are_valid(self) -> "NetworkStudy":
        if not self.split.validation_images:
            raise ValueError("split.validation_images must be above 0: choices are made on them")
        if any(self.ablations.values()) and not set(self.seeds) & set(self.final_seeds):
            raise ValueError(
                f"seeds {list(self.seeds)} and final_seeds {list(self.final_seeds)} have none in "
                "common, but ablations are compared with the whole network seed by seed"
            )
        unknown = sorted(set(self.ablations) - set(self.finals))
        if unknown:
            raise ValueError(
                f"ablations of {unknown}: finals has {sorted(self.finals)}; null takes one away"
            )
        absent = sorted(set(self.insight.finals if self.insight else ()) - set(self.finals))
        if absent:
            raise ValueError(
                f"insight.finals {absent}: finals has {sorted(self.finals)}; choose of these"
            )
        found: dict[str, Recipe] = {}
        for entry in self.entries():
            if found.setdefault(entry.name, entry.recipe) != entry.recipe:
                raise ValueError(f"two different recipes would lie in network/{entry.name}")
        return self

    def entries(self) -> Iterator[Entry]:
        """Sweeps, then finals, then ablations; a level that changes nothing is the base."""
        for factor, levels in self.sweeps.items():
            for level, changes in levels.items():
                recipe = self._recipe(f"sweeps.{factor}.{level}", self.base, changes)
                name = BASE if recipe == self.base else f"sweep/{factor}/{slug(level)}"
                yield Entry("sweep", factor, level, name, recipe)
        for final, changes in self.finals.items():
            recipe = self._recipe(f"finals.{final}", self.base, changes)
            yield Entry("final", final, final, f"final/{slug(final)}", recipe)
        for final, without in self.ablations.items():
            whole = self._recipe(f"finals.{final}", self.base, self.finals[final])
            for level, changes in without.items():
                recipe = self._recipe(f"ablations.{final}.{level}", whole, changes)
                name = f"ablation/{slug(final)}/{slug(level)}"
                yield Entry("ablation", final, level, name, recipe)

    @staticmethod
    def _recipe(where: str, base: Recipe, changes: Changes) -> Recipe:
        merged = _changed(base.model_dump(exclude_unset=True), changes)
        try:
            recipe = Recipe.model_validate(merged)
        except ValidationError as error:
            raise ValueError(described(where, error, Recipe)) from None
        if recipe.epochs is None:
            raise ValueError(f"{where}.epochs must be a number; left out, it is the base's")
        return recipe

    def runs(self, device: Device) -> list[Run]:
        """Every training run, each once."""
        found: dict[str, Run] = {}
        for entry in self.entries():
            for seed in self.final_seeds if entry.kind == "final" else self.seeds:
                run = Run(
                    **dict(entry.recipe),
                    study="network",
                    name=entry.name,
                    seed=seed,
                    tested=entry.kind == "final",
                    split=self.split,
                    device=device,
                    precision=self.precision,
                )
                found.setdefault(run.id, run)
        return list(found.values())

    @property
    def run_ids(self) -> list[str]:
        """Of all runs, those of the network of plain tensors last."""
        return [r.id for r in self.runs("auto")] + [r.id for r in self.plain_runs("auto")]

    def plain_runs(self, device: Device) -> list[PlainRun]:
        if self.plain is None:
            return []
        settings = self.plain.model_dump(exclude={"seeds"})
        return [
            PlainRun(**settings, seed=seed, split=self.split, device=device)
            for seed in self.plain.seeds
        ]


def _ascending(levels: Any) -> Any:
    """Levels that are all numbers in their order, whichever file named them first."""
    if not isinstance(levels, dict) or not all(str(level).isdecimal() for level in levels):
        return levels
    return {level: levels[level] for level in sorted(levels, key=int)}


def _without_nulls(value: Any) -> Any:
    if value is None:
        return {}
    if not isinstance(value, dict):
        return value
    return {key: part for key, part in value.items() if part is not None}


def slug(name: str) -> str:
    """A level's name as a folder's: without spaces."""
    return name.replace(" ", "_")


def _changed(base: dict[str, Any], changes: Changes) -> dict[str, Any]:
    """`changes` over `base`. A section that says its `name` is whole; one that does not, a change.

    So `optimizer: {name: adam}` is not left with the momentum of the base's SGD.
    """
    merged = dict(base)
    for key, value in changes.items():
        below = merged.get(key)
        is_change = isinstance(value, dict) and isinstance(below, dict) and "name" not in value
        merged[key] = _changed(below, value) if is_change else value  # type: ignore[arg-type]
    return merged
