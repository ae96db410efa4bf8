"""The `probe:` section and its training runs."""

from pydantic import model_validator

from landscape.config.architectures import Vgg, VggName
from landscape.config.fields import Count, Positive, Seed, Settings, Several, Width
from landscape.config.recipes import Optimizer
from landscape.config.runs import Device, Precision, ProbeSchedule, Run, Split, probe_id


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

    def runs(self, split: Split, device: Device, precision: Precision) -> list[Run]:
        schedule = ProbeSchedule(every=self.every, relative_step_sizes=self.relative_step_sizes)
        return [
            Run(
                study="probe",
                architecture=Vgg(name=name, width=self.width),
                learning_rate=self.learning_rate,
                seed=seed,
                optimizer=self.optimizer,
                batch_size=self.batch_size,
                steps=self.steps,
                gradient_lags=(1,),
                probe=schedule,
                split=split,
                device=device,
                precision=precision,
            )
            for name in self.architectures
            for seed in self.seeds
        ]
