"""Fingerprint of the code that a stage imports, so that only a change in meaning reruns it.

Snakemake sees the command of a rule, not the imported modules. Each rule therefore has this
fingerprint as a parameter. It covers the import closure inside the package, read from the syntax
trees: comments, docstrings, layout and modules that are not imported do not count.
"""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from landscape.errors import UserError

PACKAGE = Path(__file__).parents[1]


def fingerprint(*modules: str) -> str:
    """SHA-256 over the import closure of `modules` (dotted names inside the package)."""
    return digest(closure(*modules))


def digest(modules: Iterable[str]) -> str:
    """SHA-256 over exactly these modules."""
    found = hashlib.sha256()
    for name in sorted(modules):
        found.update(f"{name}\n{_meaning(name)}\n".encode())
    return found.hexdigest()


def closure(*modules: str) -> set[str]:
    """The modules of this package that `modules` import, directly or not, themselves included."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        if path_of(name) is None:
            raise ValueError(f"{name!r} is not a module of {PACKAGE.name}")
        found.add(name)
        waiting.extend(imports(name) - found)
    return found


@cache
def imports(name: str) -> frozenset[str]:
    """The modules of this package that module `name` imports, anywhere in its text.

    Importing `a.b` also runs `a/__init__.py`, so the enclosing packages count as imported.
    """
    found: set[str] = set()
    for node in ast.walk(_tree(name)):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{name}: relative imports are not followed; write landscape.…")
            base = _inside(node.module or "")
            if base is not None:
                found.add(base)
                members = (f"{base}.{alias.name}".lstrip(".") for alias in node.names)
                found.update(member for member in members if path_of(member) is not None)
        elif isinstance(node, ast.Import):
            found.update(
                inside for alias in node.names if (inside := _inside(alias.name)) is not None
            )
    parents = {
        ".".join(module.split(".")[:k]) for module in found for k in range(module.count(".") + 1)
    }
    return frozenset((found | parents) - {""})


def path_of(name: str) -> Path | None:
    """The file of a module: `measure.probe` → measure/probe.py; a package's is its __init__.py."""
    base = PACKAGE.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if name and path.is_file():
            return path
    return None


def _inside(dotted: str) -> str | None:
    head, _, rest = dotted.partition(".")
    return rest if head == PACKAGE.name else None


def _tree(name: str) -> ast.Module:
    path = path_of(name)
    assert path is not None
    try:
        return ast.parse(path.read_text("utf-8"))
    except (SyntaxError, ValueError) as error:  # ValueError: not UTF-8, or a null character
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        reason = error.msg if isinstance(error, SyntaxError) else error
        raise UserError(f"{path}{line}: not readable as Python ({reason})") from None


@cache
def _meaning(name: str) -> str:
    """The module's code without comments and docstrings.

    `ast.unparse` rather than `ast.dump`: its text is the same across Python versions.
    """
    tree = ast.parse(ast.unparse(_tree(name)))  # joins adjacent strings, in all versions
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]) and hasattr(node, "name"):
            node.body = body[1:] or [ast.Pass()]  # type: ignore[attr-defined]
    if tree.body and _is_docstring(tree.body[0]):
        tree.body = tree.body[1:]
    return ast.unparse(tree)


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
