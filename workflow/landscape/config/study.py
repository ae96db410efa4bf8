"""config.yaml as frozen types, checked as a whole before anything runs."""

import difflib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator

from landscape.config.architectures import Vgg, VggName
from landscape.config.fields import (
    Count,
    Positive,
    Seed,
    Settings,
    Several,
    Whole,
    Width,
    described,
)
from landscape.config.network_study import Insight, NetworkStudy, slug
from landscape.config.recipes import Optimizer
from landscape.config.runs import (
    Device,
    PlainRun,
    Precision,
    ProbeSchedule,
    Run,
    Split,
    bands_id,
    network_id,
    probe_id,
)
from landscape.errors import UserError

Some = TypeVar("Some", bound=Settings)


def _at_home(value: str) -> str:
    """With `~` as the shell expands it."""
    if not value.startswith("~"):
        return value
    try:
        return str(Path(value).expanduser())
    except RuntimeError:
        raise ValueError("begins with ~ and a name that no user has") from None


def _folder(value: str) -> str:
    if set(value) & set("{}*?\n\0"):
        raise ValueError("must be a folder's name without braces, wildcards and line breaks")
    return str(PurePosixPath(_at_home(value)))


def _location(value: str) -> str:
    if not value or "\0" in value:
        raise ValueError("must be a file, a folder or an address")
    return _at_home(value)


Lag = Annotated[Count, Field(le=1000)]


class Source(Settings):
    """Where the images come from: a copy at `path` in any format, or else what `source` names."""

    source: Literal["official", "parquet", "demo"] = "official"
    path: Annotated[str, AfterValidator(_location)] | None = None

    @property
    def local_path(self) -> Path | None:
        """Where the copy lies on this machine; None if it is at an address, or there is none."""
        if self.path is None or self.path.lower().startswith(("http://", "https://")):
            return None
        return Path(self.path).resolve()

    @model_validator(mode="after")
    def _path_is_used(self) -> "Source":
        if self.path is not None and self.source == "demo":
            raise ValueError("path is a copy of CIFAR-10; with source: demo, images are made")
        return self


class Bands(Settings):
    """The loss landscape over learning rates: one run per (architecture, learning rate, seed)."""

    architectures: Several[VggName]
    width: Width
    learning_rates: Several[Positive]
    seeds: Several[Seed]
    optimizer: Optimizer
    batch_size: Count
    epochs: Count
    gradient_lags: Several[Lag]

    @property
    def run_ids(self) -> list[str]:
        return [
            bands_id(name, learning_rate, seed)
            for name in self.architectures
            for learning_rate in self.learning_rates
            for seed in self.seeds
        ]

    @field_validator("gradient_lags")
    @classmethod
    def _consecutive_gradients_are_measured(cls, lags: tuple[int, ...]) -> tuple[int, ...]:
        if 1 not in lags:
            raise ValueError(
                f"must contain 1 (effective beta needs consecutive gradients), not {lags}"
            )
        return lags


class Probe(Settings):
    """The landscape along the gradient: one run per (architecture, seed)."""

    architectures: Several[VggName]
    width: Width
    learning_rate: Positive
    seeds: Several[Seed]
    optimizer: Optimizer
    batch_size: Count
    steps: Count
    every: Count
    relative_step_sizes: Several[Positive]
    band_step_sizes: Several[Positive]

    @property
    def run_ids(self) -> list[str]:
        return [probe_id(name, seed) for name in self.architectures for seed in self.seeds]

    @model_validator(mode="after")
    def _band_is_measured(self) -> "Probe":
        extra = sorted(set(self.band_step_sizes) - set(self.relative_step_sizes))
        if extra:
            raise ValueError(
                f"band_step_sizes {extra} are not in relative_step_sizes {self.relative_step_sizes}"
            )
        return self


class Figures(Settings):
    """How things are drawn; the tables stay raw."""

    smoothing_steps: Count


class Study(Settings):
    """The whole configuration."""

    results: Annotated[str, Field(min_length=1), AfterValidator(_folder)]
    data: Source
    split: Split
    device: Device
    precision: Precision
    checkpoint_seconds: Annotated[Whole, Field(ge=0)]
    bands: Bands
    probe: Probe
    network: NetworkStudy | None = None
    figures: Figures

    @property
    def runs(self) -> tuple[Run, ...]:
        network = self.network.runs(self.device) if self.network else ()
        return (*self._band_runs(), *self._probe_runs(), *network)

    @property
    def all_runs(self) -> tuple[Run | PlainRun, ...]:
        """The runs and those of the network of plain tensors."""
        return (*self.runs, *(self.network.plain_runs(self.device) if self.network else ()))

    def run(self, run_id: str) -> Run | PlainRun:
        for run in self.all_runs:
            if run.id == run_id:
                return run
        near = difflib.get_close_matches(run_id, [run.id for run in self.all_runs], n=3, cutoff=0)
        raise UserError(
            f"no run {run_id!r} in this configuration; it has {', '.join(near)}, … "
            "(`python -m landscape runs` lists them)"
        )

    @property
    def inspected(self) -> Insight | None:
        """What is looked into, with every run by its id."""
        if self.network is None or self.network.insight is None:
            return None
        insight, bands = self.network.insight, self.bands
        vggs = tuple(
            bands_id(name, bands.learning_rates[0], bands.seeds[0]) for name in bands.architectures
        )
        seed = self.network.final_seeds[0]
        finals = tuple(network_id(f"final/{slug(name)}", seed) for name in insight.finals)
        runs, surfaces = insight.runs or (*finals, *vggs), insight.surfaces or vggs
        return insight.model_copy(update={"runs": runs, "surfaces": surfaces})

    @model_validator(mode="after")
    def _inspected_runs_exist(self) -> "Study":
        if (inspected := self.inspected) is not None:
            ids = {run.id for run in self.runs}
            unknown = [run for run in (*inspected.runs, *inspected.surfaces) if run not in ids]
            if unknown:
                raise ValueError(f"network.insight: {unknown} are no runs of this configuration")
            splits = [run.split.train_images for run in self.runs if run.id in inspected.surfaces]
            fewest = min((count for count in splits if count is not None), default=None)
            if fewest is not None and inspected.surface_images > fewest:
                raise ValueError(
                    f"network.insight.surface_images: {inspected.surface_images:,} are more than "
                    f"split.train_images, the {fewest:,} that {list(inspected.surfaces)} have"
                )
        return self

    def _band_runs(self) -> list[Run]:
        bands = self.bands
        return [
            Run(
                study="bands",
                architecture=Vgg(name=name, width=bands.width),
                learning_rate=learning_rate,
                seed=seed,
                optimizer=bands.optimizer,
                batch_size=bands.batch_size,
                epochs=bands.epochs,
                gradient_lags=bands.gradient_lags,
                split=self.split,
                device=self.device,
                precision=self.precision,
            )
            for name in bands.architectures
            for learning_rate in bands.learning_rates
            for seed in bands.seeds
        ]

    def _probe_runs(self) -> list[Run]:
        probe = self.probe
        return [
            Run(
                study="probe",
                architecture=Vgg(name=name, width=probe.width),
                learning_rate=probe.learning_rate,
                seed=seed,
                optimizer=probe.optimizer,
                batch_size=probe.batch_size,
                steps=probe.steps,
                gradient_lags=(1,),
                probe=ProbeSchedule(
                    every=probe.every, relative_step_sizes=probe.relative_step_sizes
                ),
                split=self.split,
                device=self.device,
                precision=self.precision,
            )
            for name in probe.architectures
            for seed in probe.seeds
        ]


def validate_study(content: Any, origin: str = "the configuration") -> Study:
    """Check a parsed configuration; a mistake is named with its key, value and what is allowed."""
    if not isinstance(content, dict):
        raise UserError(f"{origin}: must be a mapping of keys, not {type(content).__name__}")
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        raise UserError(described(origin, error)) from None


def load_study(paths: Sequence[Path]) -> Study:
    """Read configuration files, later ones laid over earlier ones as Snakemake does it."""
    merged: dict[str, Any] = {}
    for path in paths:
        try:
            content = yaml.safe_load(path.read_text("utf-8"))
        except FileNotFoundError:
            raise UserError(f"{path}: no such file in {Path.cwd()}") from None
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise UserError(f"{path}: not readable as YAML ({error})") from None
        if not isinstance(content, dict):
            raise UserError(f"{path}: must be a mapping of keys, not {type(content).__name__}")
        merged = _merged(merged, content)
    return validate_study(merged, " + ".join(map(str, paths)))


def _merged(base: Any, top: Any) -> Any:
    """`top` over `base`, neither changed: by a YAML alias one mapping can stand in two places."""
    if not isinstance(base, dict) or not isinstance(top, dict):
        return top
    return {**base, **{key: _merged(base.get(key), value) for key, value in top.items()}}


def parse_settings(kind: type[Some], text: str) -> Some:
    """One stage's settings from the JSON that the workflow passes it."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise UserError(described("--settings", error)) from None
