"""The `bands:` section and its training runs."""

from typing import Annotated

from pydantic import Field, field_validator

from landscape.config.architectures import Vgg, VggName
from landscape.config.fields import Count, Positive, Seed, Settings, Several, Width
from landscape.config.recipes import Optimizer
from landscape.config.runs import Device, Precision, Run, Split, bands_id

Lag = Annotated[Count, Field(le=1000)]


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
    same_batch_every_steps: Count | None

    @property
    def run_ids(self) -> list[str]:
        return [
            bands_id(name, learning_rate, seed)
            for name in self.architectures
            for learning_rate in self.learning_rates
            for seed in self.seeds
        ]

    @property
    def first_runs(self) -> tuple[str, ...]:
        """One run of each architecture, by its id: the first learning rate and seed."""
        rate, seed = self.learning_rates[0], self.seeds[0]
        return tuple(bands_id(name, rate, seed) for name in self.architectures)

    @field_validator("gradient_lags")
    @classmethod
    def _consecutive_gradients_are_measured(cls, lags: tuple[int, ...]) -> tuple[int, ...]:
        if 1 not in lags:
            raise ValueError(
                f"must contain 1 (effective beta needs consecutive gradients), not {lags}"
            )
        return lags

    def runs(self, split: Split, device: Device, precision: Precision) -> list[Run]:
        return [
            Run(
                study="bands",
                architecture=Vgg(name=name, width=self.width),
                learning_rate=learning_rate,
                seed=seed,
                optimizer=self.optimizer,
                batch_size=self.batch_size,
                epochs=self.epochs,
                gradient_lags=self.gradient_lags,
                same_batch_every_steps=self.same_batch_every_steps,
                split=split,
                device=device,
                precision=precision,
            )
            for name in self.architectures
            for learning_rate in self.learning_rates
            for seed in self.seeds
        ]
