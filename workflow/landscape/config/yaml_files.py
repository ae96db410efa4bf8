"""Configuration files: read without losing anything, and laid over each other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from landscape.errors import UserError


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses duplicate keys; the standard one drops the first silently."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                name = key.tag, key.value
                if name in seen:
                    said = f"the key {key.value!r} is written twice"
                    raise yaml.constructor.ConstructorError(None, None, said, key.start_mark)
                seen.add(name)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """The keys of one configuration file."""
    try:
        content = yaml.load(path.read_text("utf-8"), _Loader)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file in {Path.cwd()}{_no_file(path)}") from None
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise UserError(f"{path}: not readable as YAML ({error})") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: must be a mapping of keys, not {type(content).__name__}")
    return content


def _no_file(path: Path) -> str:
    return "; --config needs a file of settings" if "=" in str(path) else ""


def merged(paths: Sequence[Path]) -> dict[str, Any]:
    """Later files laid over earlier ones, as in Snakemake."""
    content: dict[str, Any] = {}
    for path in paths:
        content = laid_over(content, read_yaml(path))
    return content


def laid_over(base: Any, top: Any) -> Any:
    """`top` over `base`, neither changed: a YAML alias can put one mapping in two places."""
    if not isinstance(base, dict) or not isinstance(top, dict):
        return top
    return {**base, **{key: laid_over(base.get(key), value) for key, value in top.items()}}
