"""The `mechanism:` section: what BatchNorm changes, tested by controls that share parts of it."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from landscape.config.architectures import Vgg, VggName
from landscape.config.fields import Count, Positive, Seed, Settings, Several, Width
from landscape.config.recipes import Optimizer
from landscape.config.runs import Device, Precision, Run, Split, mechanism_id

# Controls that are another update of the same network: name: (the network, its optimizer).
Retrained = Literal["vgg_a_bn_fixed_norm"]
NetworkName = VggName | Retrained
RETRAINED: dict[str, tuple[VggName, Optimizer]] = {
    "vgg_a_bn_fixed_norm": ("vgg_a_bn", Optimizer(name="sgd", fixed_norm=True))
}
SGD = Optimizer(name="sgd")
FIRST = (0, 10, 30)  # moments grow by about √10 from one to the next


Named = tuple[str, str, float, int]  # network, name, learning rate and seed of a run
Seeds = dict[NetworkName, Several[Seed]]  # of each network


class InDepth(Settings):
    """What else is measured at the first moment, the first from step 100 on, and the last, with the
    first seed of some networks at the study's learning rate.

    More eigenvalues, those of single layers, and the spectral density, from `steps` of Lanczos'
    method for each of `probes` random vectors.
    """

    networks: tuple[NetworkName, ...]
    probes: Annotated[Count, Field(ge=2)]
    steps: Annotated[Count, Field(ge=2)]


class Look(Settings):
    """How the kept weights of one run are inspected."""

    run: Run
    curvature_images: Count
    noise_batches: Count
    in_depth: InDepth | None


class Slower(Settings):
    """The same runs of some networks at a smaller learning rate."""

    learning_rate: Positive
    networks: Seeds


class Range(Settings):
    """The range of learning rates over which a network trains: a short run for each."""

    learning_rates: Several[Positive]
    networks: Seeds
    steps: Count


class Mechanism(Settings):
    """One run per (network, learning rate, seed), inspected at its moments, and short runs."""

    networks: Seeds
    width: Width
    learning_rate: Positive
    slower: Slower
    batch_size: Count
    steps: Count
    curvature_images: Count
    noise_batches: Annotated[Count, Field(ge=2)]
    in_depth: InDepth
    range: Range

    @model_validator(mode="before")
    @classmethod
    def _nulls_are_left_out(cls, value: Any) -> Any:
        """An overlay cannot remove a network, but can set it to null; this removes such ones."""
        if not isinstance(value, dict):
            return value
        parts = {key: _without_nulls(value[key]) for key in ("slower", "range") if key in value}
        return {**_without_nulls(value), **parts}

    @model_validator(mode="after")
    def _something_is_compared(self) -> "Mechanism":
        if not {"vgg_a", "vgg_a_bn"} <= set(self.networks):
            raise ValueError(
                f"networks must hold vgg_a and vgg_a_bn, which are compared; it has "
                f"{list(self.networks)}"
            )
        absent = sorted(set(self.in_depth.networks) - set(self.networks))
        if absent:
            raise ValueError(f"in_depth.networks: {absent} are not among {list(self.networks)}")
        if self.slower.learning_rate >= self.learning_rate:
            raise ValueError(
                f"slower.learning_rate is {self.slower.learning_rate:g}, which must be below "
                f"learning_rate, {self.learning_rate:g}"
            )
        return self

    @property
    def moments(self) -> tuple[int, ...]:
        """The steps at which the weights are inspected: 0, 10, 30, 100, 300, …, the last."""
        found = list(FIRST)
        while found[-1] < self.steps:
            found.append(10 * found[-2])
        return (*(step for step in found if step < self.steps), self.steps)

    def look(self, run: Run) -> Look:
        """The settings on which a run's measures depend, without those of other runs."""
        network: Any = network_of(str(run.name))
        deep = (
            network in self.in_depth.networks
            and run.learning_rate == self.learning_rate
            and run.seed == self.networks[network][0]
        )
        return Look(
            run=run,
            curvature_images=self.curvature_images,
            noise_batches=self.noise_batches,
            in_depth=self.in_depth.model_copy(update={"networks": (network,)}) if deep else None,
        )

    @property
    def path_ids(self) -> list[str]:
        """The runs that are inspected at their moments."""
        return [mechanism_id(name, seed) for _, name, _, seed in self._paths()]

    @property
    def range_ids(self) -> list[str]:
        """The short runs over learning rates."""
        return [mechanism_id(name, seed) for _, name, _, seed in self._short()]

    @property
    def run_ids(self) -> list[str]:
        return [*self.path_ids, *self.range_ids]

    def runs(self, split: Split, device: Device, precision: Precision) -> list[Run]:
        common: dict[str, Any] = {"split": split, "device": device, "precision": precision}
        path: dict[str, Any] = {"steps": self.steps, "moments": self.moments}
        return [
            *(self._run(one, **path, **common) for one in self._paths()),
            *(self._run(one, steps=self.range.steps, **common) for one in self._short()),
        ]

    def _paths(self) -> Iterator[Named]:
        rates = (
            (self.learning_rate, self.networks),
            (self.slower.learning_rate, self.slower.networks),
        )
        for rate, networks in rates:
            for network, seeds in networks.items():
                for seed in seeds:
                    yield network, f"{network}/lr{rate!r}", rate, seed

    def _short(self) -> Iterator[Named]:
        for network, seeds in self.range.networks.items():
            for rate in self.range.learning_rates:
                for seed in seeds:
                    yield network, f"range/{network}/lr{rate!r}", rate, seed

    def _run(self, named: Named, **settings: Any) -> Run:
        network, run_name, rate, seed = named
        name, optimizer = RETRAINED.get(network, (network, SGD))
        return Run(
            study="mechanism",
            name=run_name,
            architecture=Vgg.model_validate({"name": name, "width": self.width}),
            optimizer=optimizer,
            learning_rate=rate,
            seed=seed,
            batch_size=self.batch_size,
            tested=False,
            **settings,
        )


def network_of(run_name: str) -> str:
    """The network of a run of this study, from the run's name."""
    return run_name.removeprefix("range/").partition("/")[0]


def _without_nulls(section: Any) -> Any:
    if not isinstance(section, dict) or not isinstance(section.get("networks"), dict):
        return section
    named = {name: seeds for name, seeds in section["networks"].items() if seeds is not None}
    return {**section, "networks": named}
