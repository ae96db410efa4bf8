"""config.yaml as immutable types, checked as a whole before anything runs."""

import difflib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationError, model_validator

from landscape.config.bands import Bands
from landscape.config.entries import slug
from landscape.config.fields import Count, Settings, Whole
from landscape.config.images import image_mistake
from landscape.config.mechanism import Look, Mechanism
from landscape.config.mistakes import described
from landscape.config.network_study import Insight, NetworkStudy
from landscape.config.probe import Probe
from landscape.config.runs import Device, PlainRun, Precision, Run, Split, network_id
from landscape.config.tuning import Chosen
from landscape.config.yaml_files import merged
from landscape.errors import UserError

Some = TypeVar("Some", bound=Settings)


def _at_home(value: str) -> str:
    """With `~` as the shell expands it."""
    if not value.startswith("~"):
        return value
    try:
        return str(Path(value).expanduser())
    except RuntimeError:
        raise ValueError("begins with ~ and the name of no user") from None


def _folder(value: str) -> str:
    if set(value) & set("{}*?\n\0"):
        raise ValueError("must be a folder's name without braces, wildcards and line breaks")
    return str(PurePosixPath(_at_home(value)))


def _location(value: str) -> str:
    if not value or "\0" in value:
        raise ValueError("must be a file, a folder or an address")
    return _at_home(value)


class Source(Settings):
    """The source of the images: a copy at `path` in any format, otherwise `source`."""

    source: Literal["official", "parquet", "demo"] = "official"
    path: Annotated[str, AfterValidator(_location)] | None = None

    @property
    def local_path(self) -> Path | None:
        """The copy on this machine; None if it is at an address, or there is none."""
        if self.path is None or self.path.lower().startswith(("http://", "https://")):
            return None
        return Path(self.path).resolve()

    @model_validator(mode="after")
    def _path_is_used(self) -> "Source":
        if self.path is not None and self.source == "demo":
            raise ValueError(
                "path is a copy of CIFAR-10, but source: demo generates images; remove one"
            )
        return self


TRAINING_IMAGES = {"official": 50_000, "demo": 4_000}  # if the source's name says how many


class Figures(Settings):
    """Smoothing of the figures; the tables stay raw."""

    smoothing_steps: Count


class Study(Settings):
    """The whole configuration."""

    results: Annotated[str, Field(min_length=1), AfterValidator(_folder)]
    data: Source
    split: Split
    device: Device
    precision: Precision
    checkpoint_seconds: Annotated[Whole, Field(ge=0)]
    bands: Bands | None = None  # null leaves a study out
    probe: Probe | None = None
    mechanism: Mechanism | None = None
    network: NetworkStudy | None = None
    figures: Figures

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs except those of the network of plain tensors; sweeps at their own rates."""
        network = self.network.runs(self.device) if self.network else ()
        return (*self._runs_of_batchnorm, *network)

    @property
    def all_runs(self) -> tuple[Run | PlainRun, ...]:
        """The runs and those of the network of plain tensors."""
        return self.runs_at({})

    def runs_at(self, chosen: Chosen) -> tuple[Run | PlainRun, ...]:
        """All runs, with these factors of learning rates chosen for the sweeps' levels."""
        network = self.network.runs(self.device, chosen) if self.network else ()
        return (*self._runs_of_batchnorm, *network, *self._plain_runs)

    @property
    def possible_runs(self) -> tuple[Run | PlainRun, ...]:
        """All runs that some choice of learning rates needs."""
        network = self.network.possible_runs(self.device) if self.network else ()
        return (*self._runs_of_batchnorm, *network, *self._plain_runs)

    @property
    def _runs_of_batchnorm(self) -> tuple[Run, ...]:
        shared = (self.split, self.device, self.precision)
        return (
            *(self.bands.runs(*shared) if self.bands else ()),
            *(self.probe.runs(*shared) if self.probe else ()),
            *(self.mechanism.runs(*shared) if self.mechanism else ()),
        )

    @property
    def _plain_runs(self) -> tuple[PlainRun, ...]:
        return tuple(self.network.plain_runs(self.device)) if self.network else ()

    def run(self, run_id: str) -> Run | PlainRun:
        runs = self.possible_runs
        for run in runs:
            if run.id == run_id:
                return run
        near = difflib.get_close_matches(run_id, [run.id for run in runs], n=3, cutoff=0)
        raise UserError(
            f"no run {run_id!r} in this configuration; it has {', '.join(near)}, … "
            "(`python -m landscape runs` lists them)"
        )

    def first_runs(self, part: str, networks: Sequence[str]) -> list[Run]:
        """The first run of each of these networks in bands, probe or mechanism, if it has one."""
        first: dict[str, Run] = {}
        for run in self._runs_of_batchnorm:
            section, network, *_ = run.id.split("/")
            if section == part:
                first.setdefault(network, run)
        return [first[network] for network in networks if network in first]

    def look(self, run_id: str) -> Look | None:
        """How to inspect the weights that this run keeps."""
        if self.mechanism is None:
            return None
        if run_id not in self.mechanism.path_ids:
            kept = self.mechanism.path_ids
            raise UserError(f"{run_id}: keeps no weights to inspect; these do: {', '.join(kept)}")
        run = self.run(run_id)
        assert isinstance(run, Run)
        return self.mechanism.look(run)

    @property
    def inspected(self) -> Insight | None:
        """The runs to inspect, by id."""
        if self.network is None or self.network.insight is None:
            return None
        insight, seed = self.network.insight, self.network.final_seeds[0]
        finals = tuple(network_id(f"final/{slug(name)}", seed) for name in insight.finals)
        vggs = self.bands.first_runs if self.bands else ()
        runs, surfaces = insight.runs or (*finals, *vggs), insight.surfaces or vggs or finals
        return insight.model_copy(update={"runs": runs, "surfaces": surfaces})

    @model_validator(mode="after")
    def _runs_are_possible(self) -> "Study":
        """One validator, because listing all runs of a study takes a while."""
        runs = self.all_runs
        if not runs:
            raise ValueError(
                "at least one of bands, probe, mechanism and network must have a run to train"
            )
        images = TRAINING_IMAGES.get(self.data.source)
        if images is not None and self.data.path is None:
            for run in runs:
                if (mistake := image_mistake(run, images)) is not None:
                    raise ValueError(mistake)
        if (inspected := self.inspected) is not None:
            _require_inspectable(inspected, {run.id: run for run in runs if isinstance(run, Run)})
        return self


def _require_inspectable(insight: Insight, runs: dict[str, Run]) -> None:
    """Check that the runs to inspect exist and have enough images for their surfaces."""
    if not insight.runs:
        raise ValueError(
            "network.insight: names no run to inspect: finals and runs are empty, and there is "
            "no section bands; name some, or set network.insight to null"
        )
    unknown = [run for run in (*insight.runs, *insight.surfaces) if run not in runs]
    if unknown:
        raise ValueError(f"network.insight: {unknown} are no runs of this configuration")
    splits = [runs[run].split.train_images for run in insight.surfaces]
    fewest = min((count for count in splits if count is not None), default=None)
    if fewest is not None and insight.surface_images > fewest:
        raise ValueError(
            f"network.insight.surface_images: {insight.surface_images:,} are more than "
            f"split.train_images, the {fewest:,} that {list(insight.surfaces)} have"
        )


def validate_study(content: Any, origin: str = "the configuration") -> Study:
    """Check a parsed configuration; an error names key, value and what is allowed."""
    if not isinstance(content, dict):
        raise UserError(f"{origin}: must be a mapping of keys, not {type(content).__name__}")
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        raise UserError(described(origin, error, Study)) from None


def load_study(paths: Sequence[Path]) -> Study:
    """Read configuration files, later ones laid over earlier ones as in Snakemake."""
    return validate_study(merged(paths), " + ".join(map(str, paths)))


def parse_settings(kind: type[Some], text: str) -> Some:
    """One stage's settings from the JSON that the workflow passes it."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise UserError(described("--settings", error, kind)) from None
