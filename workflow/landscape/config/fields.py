"""What all settings share: frozen models, and numbers that mean what they say."""

from collections import Counter
from reprlib import Repr
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

Item = TypeVar("Item")


def _not_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number; YAML reads on, off, yes and no as true and false")
    return value


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ValueError(f"each value once, please; these stand more than once: {twice}")
    return values


Number = Annotated[float, BeforeValidator(_not_bool), Field(allow_inf_nan=False)]
Whole = Annotated[int, BeforeValidator(_not_bool)]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
Share = Annotated[Number, Field(ge=0, lt=1)]
Count = Annotated[Whole, Field(gt=0, le=10**9)]
Seed = Annotated[Whole, Field(ge=0, lt=2**31)]
Width = Annotated[Positive, Field(le=16)]  # factor on every layer's channels
Several = Annotated[tuple[Item, ...], Field(min_length=1), AfterValidator(_distinct)]


class Settings(BaseModel):
    """Base of all settings: immutable, and a key that nobody reads is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


_SHORT = Repr()  # a value may be a tree of any size, or one that contains itself
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 2, 80, 80


def described(origin: str, error: ValidationError) -> str:
    """Every mistake with its key, its value and what is allowed, a line each."""
    return "\n".join([f"{origin} is not valid:", *map(_describe, error.errors())])


def _describe(mistake: Any) -> str:
    key = ".".join(str(part) for part in mistake["loc"]) or "(whole)"
    value = _SHORT.repr(mistake["input"])
    shown = "" if mistake["type"] == "missing" else f" (found {value})"
    return f"  {key}: {mistake['msg']}{shown}"
