"""The settings of every network in words, and what each level changes of them."""

from collections.abc import Mapping
from typing import Any

from landscape.config.network_study import NetworkStudy
from landscape.config.recipes import Recipe
from landscape.notation.names import final_name
from landscape.notation.settings import NOT_USED, setting_name, setting_value

Table = dict[str, Any]  # head and body, texts only


def recipes(study: NetworkStudy) -> dict[str, Any]:
    """Every setting of the base and of the final networks.

    One row for each setting that differs; `common` is a text with the others.
    """
    columns = {"base": _settings_of(study.base)}
    for entry in study.entries():
        if entry.kind == "final":
            name = final_name(entry.level, entry.recipe.architecture.name)
            columns[name] = _settings_of(entry.recipe)
    body, common = [], []
    every = dict.fromkeys(key for recipe in columns.values() for key in recipe)
    keys = [key for key in every if not _is_absent_section(key, columns)]
    for key in sorted(keys, key=lambda key: not key.startswith("architecture")):
        absent = "" if key.startswith("architecture") else NOT_USED
        values = [recipe.get(key, absent) for recipe in columns.values()]
        if len(set(values)) > 1 or len(values) == 1:
            body.append([key, *values])
        else:
            common.append(f"{key} {values[0]}")
    return {"head": ["", *columns], "body": body, "common": "; ".join(common)}


def _is_absent_section(key: str, columns: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether a key is that of a section that some recipes lack and others have."""
    nested = any(other.startswith(f"{key}: ") for recipe in columns.values() for other in recipe)
    return nested and all(recipe.get(key, NOT_USED) == NOT_USED for recipe in columns.values())


def changes(study: NetworkStudy) -> dict[tuple[str, str], str]:
    """What each level of a sweep changes in the base, and each ablation in the whole network."""
    wholes = {entry.level: entry.recipe for entry in study.entries() if entry.kind == "final"}
    found = {}
    for entry in study.entries():
        if entry.kind != "final":
            whole = study.base if entry.kind == "sweep" else wholes[entry.group]
            before, after = _settings_of(whole), _settings_of(entry.recipe)
            found[entry.group, entry.level] = ", ".join(
                f"{key.rpartition(': ')[2]} {value}"
                for key, value in after.items()
                if value != before.get(key) and not (value == NOT_USED and ": " in key)
            )
    return found


def _settings_of(recipe: Recipe) -> dict[str, str]:
    """All settings that the recipe uses, as texts."""
    said = recipe.model_dump()
    said["optimizer"] |= dict.fromkeys(recipe.optimizer.unread)
    return _flat(said)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as texts: `optimizer: weight decay` → 0.0005; its name is `optimizer`."""
    found: dict[str, str] = {}
    for key, value in settings.items():
        name = setting_name(key)
        if isinstance(value, Mapping):
            found |= _flat(value, f"{name}: ")
        else:
            found[prefix + name if name else prefix.removesuffix(": ")] = setting_value(value)
    return found
