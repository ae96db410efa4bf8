"""The settings as a JSON Schema, for editors that complete and check YAML.

One schema serves config.yaml and the files laid over it, so it requires no key. After these are
merged, `config.study` checks for missing keys and for rules that involve several keys.
"""

from typing import Any

from landscape.config.study import Study

COMPARISONS = {  # pydantic keeps its own names if a validator runs before the comparison
    "gt": "exclusiveMinimum",
    "ge": "minimum",
    "lt": "exclusiveMaximum",
    "le": "maximum",
}
OMITTED = ("required", "discriminator", "title")
CHANGES = {"additionalProperties": True, "type": "object"}  # a free mapping: changes of a recipe


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of config.yaml and of every file laid over it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of a study",
        **_adapted(Study.model_json_schema()),
    }


def _adapted(node: Any) -> Any:
    """The schema without required keys, with null wherever it removes an entry."""
    if isinstance(node, list):
        return [_adapted(part) for part in node]
    if not isinstance(node, dict):
        return node
    if node == CHANGES:
        return _or_null({"$ref": "#/$defs/Recipe"})
    adapted: dict[str, Any] = {}
    for key, value in node.items():
        if key == "properties":  # its keys are names of settings, not of the schema
            adapted[key] = {name: _adapted(part) for name, part in value.items()}
        elif key == "oneOf":  # a part of a section without its `name` fits several kinds
            adapted["anyOf"] = _adapted(value)
        elif key not in OMITTED:
            adapted[COMPARISONS.get(key) or str(key)] = _adapted(value)
    if "patternProperties" in adapted:
        adapted["additionalProperties"] = False
    if isinstance(named := adapted.get("additionalProperties"), dict):
        adapted["additionalProperties"] = _or_null(named)  # null takes a named part away
    named_by_user = "patternProperties" in adapted or "propertyNames" in adapted
    return _or_null(adapted) if named_by_user else adapted


def _or_null(node: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [node, {"type": "null"}]}
