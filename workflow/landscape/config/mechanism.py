"""The `mechanism:` section: what BatchNorm changes, told apart by controls that share parts."""

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


class Spectrum(Settings):
    """How the density of a Hessian's eigenvalues is estimated: random vectors, steps from each."""

    probes: Annotated[Count, Field(ge=2)]
    steps: Annotated[Count, Field(ge=2)]
    networks: tuple[NetworkName, ...]  # at the first learning rate, with their first seeds


class Look(Settings):
    """How the kept weights of one run are looked at; without a spectrum, none is taken."""

    run: Run
    curvature_images: Count
    noise_batches: Count
    spectrum: Spectrum | None


class Range(Settings):
    """The range of learning rates over which a network trains: a short run for each."""

    learning_rates: Several[Positive]
    seeds: Several[Seed]
    steps: Count


class Mechanism(Settings):
    """One run per (network, learning rate, seed), looked at along its path; and short ones."""

    networks: dict[NetworkName, Several[Seed]]
    width: Width
    learning_rates: Several[Positive]
    batch_size: Count
    steps: Count
    curvature_images: Count
    noise_batches: Annotated[Count, Field(ge=2)]
    spectrum: Spectrum
    range: Range

    @model_validator(mode="before")
    @classmethod
    def _nulls_are_left_out(cls, value: Any) -> Any:
        """A file laid over config.yaml cannot take a network away; it can set it to null."""
        if not isinstance(value, dict) or not isinstance(value.get("networks"), dict):
            return value
        return {**value, "networks": {k: v for k, v in value["networks"].items() if v is not None}}

    @model_validator(mode="after")
    def _something_is_compared(self) -> "Mechanism":
        if not {"vgg_a", "vgg_a_bn"} <= set(self.networks):
            raise ValueError(
                f"networks must hold vgg_a and vgg_a_bn, which are compared; it has "
                f"{list(self.networks)}"
            )
        absent = sorted(set(self.spectrum.networks) - set(self.networks))
        if absent:
            raise ValueError(f"spectrum.networks: {absent} are not among {list(self.networks)}")
        return self

    @property
    def moments(self) -> tuple[int, ...]:
        """The steps at which the weights are looked at: 0, 10, 30, 100, 300, …, the last."""
        found = list(FIRST)
        while found[-1] < self.steps:
            found.append(10 * found[-2])
        return (*(step for step in found if step < self.steps), self.steps)

    def look(self, run: Run) -> Look:
        """What a run's measures depend on, and nothing of other runs."""
        network = network_of(str(run.name))
        first = run.learning_rate == self.learning_rates[0]
        chosen = first and run.seed == self.networks[network][0]  # type: ignore[index]
        spectrum = self.spectrum.model_copy(update={"networks": (network,)})
        return Look(
            run=run,
            curvature_images=self.curvature_images,
            noise_batches=self.noise_batches,
            spectrum=spectrum if chosen and network in self.spectrum.networks else None,
        )

    @property
    def path_ids(self) -> list[str]:
        """The runs that are looked at along their path."""
        return [
            mechanism_id(f"{network}/lr{rate!r}", seed)
            for network, seeds in self.networks.items()
            for rate in self.learning_rates
            for seed in seeds
        ]

    @property
    def range_ids(self) -> list[str]:
        """The short runs over learning rates."""
        return [
            mechanism_id(f"range/{network}/lr{rate!r}", seed)
            for network in self.networks
            for rate in self.range.learning_rates
            for seed in self.range.seeds
        ]

    @property
    def run_ids(self) -> list[str]:
        return [*self.path_ids, *self.range_ids]

    def runs(self, split: Split, device: Device, precision: Precision) -> list[Run]:
        common = {"split": split, "device": device, "precision": precision}
        return [self._run(name, **settings, **common) for name, settings in self._runs()]

    def _runs(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The network of each run, in the order of the ids, and what is the run's own."""
        for network, seeds in self.networks.items():
            for rate in self.learning_rates:
                name = f"{network}/lr{rate!r}"
                for seed in seeds:
                    yield (
                        network,
                        {
                            "name": name,
                            "learning_rate": rate,
                            "seed": seed,
                            "steps": self.steps,
                            "moments": self.moments,
                        },
                    )
        for network in self.networks:
            for rate in self.range.learning_rates:
                name = f"range/{network}/lr{rate!r}"
                for seed in self.range.seeds:
                    yield (
                        network,
                        {
                            "name": name,
                            "learning_rate": rate,
                            "seed": seed,
                            "steps": self.range.steps,
                        },
                    )

    def _run(self, network: str, **settings: Any) -> Run:
        name, optimizer = RETRAINED.get(network, (network, SGD))
        return Run(
            study="mechanism",
            architecture=Vgg.model_validate({"name": name, "width": self.width}),
            optimizer=optimizer,
            batch_size=self.batch_size,
            tested=False,
            **settings,
        )


def network_of(run_name: str) -> str:
    """The network of a run of this study, from the run's name."""
    return run_name.removeprefix("range/").partition("/")[0]
