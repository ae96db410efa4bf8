"""Mistakes in settings as sentences: the key, the value, what is allowed, and a suggestion."""

import difflib
from collections.abc import Iterator, Sequence
from reprlib import Repr
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

NOTHING = ("null", "none", "~")
_SHORT = Repr()  # a value may be a tree of any size, or contain itself
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 2, 80, 80


def described(origin: str, error: ValidationError, model: type[BaseModel]) -> str:
    """Every mistake in the settings of a `model`, one per line."""
    mistakes = [_describe(mistake, model) for mistake in error.errors()]
    return "\n".join([f"{origin} is not valid:", *mistakes])


def suggestion(word: str, known: Sequence[str]) -> str:
    """The most similar known word, or all known words."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"there are {', '.join(known)}"


def _describe(mistake: Any, model: type[BaseModel]) -> str:
    key, found = ".".join(map(str, mistake["loc"])), mistake["input"]
    said = mistake["msg"].removeprefix("Value error, ")
    if not key:  # a check across sections names its keys itself
        return f"  {said}"
    if mistake["type"] == "extra_forbidden":
        *above, last = mistake["loc"]
        said = f"no such setting; {suggestion(str(last), _known(model, above))}"
    if mistake["type"] != "missing":
        said += f" (found {_SHORT.repr(found)})"
    if isinstance(found, str) and found.strip().lower() in NOTHING:
        said += f"; this is text: to leave it out, write `{key.rpartition('.')[2]}: null` in a file"
        said += f", or `--config {key}=` to snakemake" if "." not in key else ""
    return f"  {key}: {said}"


def _known(model: type[BaseModel], path: Sequence[int | str]) -> list[str]:
    """The keys that settings have below a path of keys, list indices and unions' tags."""
    models = [model]
    for part in path:
        fields = [m.model_fields[part] for m in models if part in m.model_fields]
        if fields:
            models = [inner for field in fields for inner in _models(field.annotation)]
        else:
            models = [m for m in models if _tag(m) == part] or models
    return list(dict.fromkeys(key for m in models for key in m.model_fields))


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    """The settings inside a type: of a list, a mapping, a union."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in get_args(kind):
        yield from _models(inner)


def _tag(model: type[BaseModel]) -> object:
    """The value by which a union recognizes this model."""
    field = model.model_fields.get("name")
    return None if field is None else field.default
