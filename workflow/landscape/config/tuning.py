"""The learning rates that are tried for each level of a sweep."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field, field_validator

from landscape.config.fields import Positive, Seed, Settings, Several
from landscape.config.recipes import Recipe

Chosen = Mapping[str, float]  # the factor of each setting of the sweeps, by the setting's name
OWN: Chosen = MappingProxyType({})  # every setting at its own learning rate
DIGITS = 6  # of a learning rate: 0.05 times 3 is 0.15
RATES_OF_PARTS = ("vector_learning_rate", "head_learning_rate")


class Tune(Settings):
    """A grid for every level of the sweeps: its own learning rate times each of the factors.

    All are trained with one seed; the highest accuracy on held-out images decides.
    """

    factors: Several[Annotated[Positive, Field(ge=0.001, le=1000)]]
    seed: Seed

    @field_validator("factors")
    @classmethod
    def _own_rate_is_tried(cls, factors: tuple[float, ...]) -> tuple[float, ...]:
        if 1 not in factors:
            raise ValueError("must contain 1, which is a level's own learning rate")
        return factors


def at_factor(recipe: Recipe, factor: float) -> Recipe:
    """The recipe with each of its learning rates multiplied; Muon has three."""
    if factor == 1:
        return recipe
    said: dict[str, Any] = recipe.model_dump()
    said["learning_rate"] = _times(said["learning_rate"], factor)
    for key in RATES_OF_PARTS:
        if said["optimizer"][key] is not None:
            said["optimizer"][key] = _times(said["optimizer"][key], factor)
    return Recipe.model_validate(said)


def _times(rate: float, factor: float) -> float:
    return float(f"{rate * factor:.{DIGITS}g}")
