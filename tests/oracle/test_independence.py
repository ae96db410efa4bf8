"""The oracle is a program of its own."""

import ast
from pathlib import Path

import pytest

NAIVE = sorted((Path(__file__).parent / "naive").glob("*.py"))


@pytest.mark.parametrize("path", NAIVE, ids=lambda path: path.name)
def test_it_imports_nothing_of_the_package(path):
    imported = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).partition(".")[0])
    known = {"copy", "hashlib", "json", "math"}
    known |= {"numpy", "oracle", "pandas", "safetensors", "scipy", "torch", "yaml"}
    assert imported <= known
