"""The base of all settings: frozen models, and numeric types with their bounds."""

from collections import Counter
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Item = TypeVar("Item")


def _not_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number; YAML reads on, off, yes and no as true and false")
    return value


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Checked after the items, because without wrong items the length would be a false error."""
    if not values:
        raise ValueError("must hold at least one value")
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ValueError(f"must hold each value once; more than once: {twice}")
    return values


Number = Annotated[float, BeforeValidator(_not_bool), Field(allow_inf_nan=False)]
Whole = Annotated[int, BeforeValidator(_not_bool)]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
Share = Annotated[Number, Field(ge=0, lt=1)]
Count = Annotated[Whole, Field(gt=0, le=10**9)]
Seed = Annotated[Whole, Field(ge=0, lt=2**31)]
Width = Annotated[Positive, Field(le=16)]  # factor on every layer's channels
Several = Annotated[
    tuple[Item, ...], AfterValidator(_distinct), Field(json_schema_extra={"minItems": 1})
]


class Settings(BaseModel):
    """Base of all settings: immutable; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
