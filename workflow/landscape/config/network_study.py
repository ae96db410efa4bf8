"""The `network:` part of the configuration: sweeps, ablations and final networks as runs."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from landscape.config.entries import BASE, Entry, Trial, slug
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
from landscape.config.tuning import OWN, Chosen, Tune

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
JUDGED_BY = "validation_accuracy"  # for sweeps and ablations, which do not read the test images


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
    """The trained runs to inspect: finals by name, and others by their ids.

    Without `runs` and `surfaces`, these are the finals (first seed) and the architectures of
    `bands` (first learning rate, first seed), and surfaces of the latter.
    """

    finals: tuple[Name, ...]
    runs: tuple[str, ...] = ()
    surfaces: tuple[str, ...] = ()  # loss surfaces, side by side
    surface_points: Annotated[Count, Field(ge=3, le=101)]  # along each side
    surface_images: Annotated[Count, Field(ge=CLASSES)]  # as many of each class
    # Test images that attributions, embedding and robustness are computed from.
    images: Annotated[Count, Field(ge=CLASSES)]


class NetworkStudy(Settings):
    """The study of which network is best, and why."""

    split: Split
    precision: Precision
    base: Recipe
    seeds: Several[Seed]
    sweeps: dict[Factor, dict[Name, Changes]]
    tune: Tune | None = None
    finals: dict[Name, Changes]
    final_seeds: Several[Seed]
    ablations: dict[Name, dict[Name, Changes]]
    plain: Plain | None = None
    insight: Insight | None = None

    @field_validator("sweeps", "finals", "ablations", mode="before")
    @classmethod
    def _nulls_are_left_out(cls, value: Any, info: ValidationInfo) -> Any:
        """An overlay cannot remove a key, but can set it to null; this removes such keys."""
        kept = _without_nulls(value)
        if info.field_name == "finals" or not isinstance(kept, dict):
            return kept
        return {name: _ascending(_without_nulls(levels)) for name, levels in kept.items()}

    @model_validator(mode="after")
    def _recipes_are_valid(self) -> "NetworkStudy":
        if not self.split.validation_images:
            raise ValueError(
                "split.validation_images must be above 0: all choices are made on them"
            )
        if any(self.ablations.values()) and not set(self.seeds) & set(self.final_seeds):
            raise ValueError(
                f"seeds {list(self.seeds)} and final_seeds {list(self.final_seeds)} have none in "
                "common, but ablations are compared with the whole network seed by seed"
            )
        unknown = sorted(set(self.ablations) - set(self.finals))
        if unknown:
            raise ValueError(
                f"ablations of {unknown}: finals has {sorted(self.finals)}; null removes an entry"
            )
        absent = sorted(set(self.insight.finals if self.insight else ()) - set(self.finals))
        if absent:
            raise ValueError(
                f"insight.finals {absent}: finals has {sorted(self.finals)}; choose from these"
            )
        found: dict[str, Recipe] = {}
        for entry in self.entries():
            if found.setdefault(entry.name, entry.recipe) != entry.recipe:
                raise ValueError(f"two different recipes have the folder network/{entry.name}")
        try:
            self.trials()
        except ValidationError as error:
            raise ValueError(
                described("a learning rate times tune.factors", error, Recipe)
            ) from None
        return self

    @property
    def is_tuned(self) -> bool:
        """Whether learning rates are tried: `tune` is set, and there are levels."""
        return self.tune is not None and any(self.sweeps.values())

    @property
    def tuned_part(self) -> "NetworkStudy":
        """The settings on which the trials depend."""
        assert self.tune is not None
        seeds = (self.tune.seed,)
        rest: Changes = {"finals": {}, "ablations": {}, "plain": None, "insight": None}
        return self.model_copy(update={**rest, "seeds": seeds, "final_seeds": seeds})

    def trials(self) -> list[Trial]:
        """The trials of each setting of the sweeps; empty without `tune`."""
        if self.tune is None:
            return []
        levels = {entry.name: entry for entry in self.entries() if entry.kind == "sweep"}
        return [
            Trial(name, factor, entry.at(factor), self.tune.seed)
            for name, entry in levels.items()
            for factor in self.tune.factors
        ]

    def entries(self, chosen: Chosen = OWN) -> Iterator[Entry]:
        """Sweeps, then finals, then ablations; a level that changes nothing is the base.

        Levels of sweeps have their own learning rates times the factors chosen for them.
        """
        for factor, levels in self.sweeps.items():
            for level, changes in levels.items():
                recipe = self._recipe(f"sweeps.{factor}.{level}", self.base, changes)
                name = BASE if recipe == self.base else f"sweep/{factor}/{slug(level)}"
                yield Entry("sweep", factor, level, name, recipe).at(chosen.get(name, 1))
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
            raise ValueError(f"{where}.epochs must be a number; without it, the base's is used")
        return recipe

    def runs(self, device: Device, chosen: Chosen = OWN) -> list[Run]:
        """Every run with these choices of learning rates, each once.

        Their number does not depend on the choices.
        """
        trials = [(trial.entry, trial.seed) for trial in self.trials()]
        return self._runs([*trials, *self._seeded(self.entries(chosen))], device)

    def possible_runs(self, device: Device) -> list[Run]:
        """Every run that some choice of learning rates needs, each once."""
        trials = self.trials()
        tried = [(trial.entry, trial.seed) for trial in trials]
        levels = self._seeded(trial.entry for trial in trials)
        return self._runs([*tried, *levels, *self._seeded(self.entries())], device)

    def _seeded(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, int]]:
        for entry in entries:
            for seed in self.final_seeds if entry.kind == "final" else self.seeds:
                yield entry, seed

    def _runs(self, asked: Iterable[tuple[Entry, int]], device: Device) -> list[Run]:
        found: dict[str, Run] = {}
        for entry, seed in asked:
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

    def run_ids(self, chosen: Chosen = OWN) -> list[str]:
        """The ids of all runs, those of the network of plain tensors last."""
        return [r.id for r in self.runs("auto", chosen)] + [r.id for r in self.plain_runs("auto")]

    @property
    def certain_ids(self) -> list[str]:
        """The ids of the runs that are needed whatever learning rates are chosen."""
        trials = [trial.run_id for trial in self.trials()]
        levels = {trial.setting for trial in self.trials()}
        rest = [run.id for run in self.runs("auto") if run.name not in levels]
        plain = [run.id for run in self.plain_runs("auto")]
        return list(dict.fromkeys([*trials, *rest, *plain]))

    def plain_runs(self, device: Device) -> list[PlainRun]:
        if self.plain is None:
            return []
        settings = self.plain.model_dump(exclude={"seeds"})
        return [
            PlainRun(**settings, seed=seed, split=self.split, device=device)
            for seed in self.plain.seeds
        ]


def _ascending(levels: Any) -> Any:
    """Levels in order; if all are numbers, by size, whichever file names them first."""
    if not isinstance(levels, dict) or not all(str(level).isdecimal() for level in levels):
        return levels
    return {level: levels[level] for level in sorted(levels, key=int)}


def _without_nulls(value: Any) -> Any:
    if value is None:
        return {}
    if not isinstance(value, dict):
        return value
    return {key: part for key, part in value.items() if part is not None}


def _changed(base: dict[str, Any], changes: Changes) -> dict[str, Any]:
    """`changes` over `base`. A section with a `name` replaces the base's; one without is merged.

    So `optimizer: {name: adam}` does not inherit the momentum of the base's SGD.
    """
    merged = dict(base)
    for key, value in changes.items():
        below = merged.get(key)
        is_change = isinstance(value, dict) and isinstance(below, dict) and "name" not in value
        merged[key] = _changed(below, value) if is_change else value  # type: ignore[arg-type]
    return merged
