"""A fingerprint sees the meaning of all code that is imported, and nothing else."""

from pathlib import Path

import pytest

from landscape.errors import UserError
from landscape.provenance import fingerprint as fingerprints
from landscape.provenance.fingerprint import closure, fingerprint


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two modules whose files may be changed."""
    (tmp_path / "landscape").mkdir()
    write(tmp_path / "landscape", "a", "from landscape import b\n\n\ndef f():\n    return b.x\n")
    write(tmp_path / "landscape", "b", '"""Words."""\n\nx = 1\n')
    write(tmp_path / "landscape", "c", "y = 2\n")
    write(tmp_path / "landscape", "__init__", "")
    monkeypatch.setattr(fingerprints, "PACKAGE", tmp_path / "landscape")
    clear()
    yield tmp_path / "landscape"
    clear()


def write(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.py").write_text(text, "utf-8")
    clear()


def clear():
    fingerprints.imports.cache_clear()
    fingerprints._meaning.cache_clear()


def test_comments_docstrings_and_layout_do_not_count(package):
    before = fingerprint("a")
    write(
        package,
        "a",
        '"""Said."""\nfrom landscape import b  # why\n\ndef f():\n    """F."""\n    return (b.x)\n',
    )
    write(package, "b", '"""Other words."""\nx = 1\n')
    assert fingerprint("a") == before


@pytest.mark.parametrize("module", ["a", "b"])
def test_a_change_of_meaning_counts_directly_and_from_afar(package, module):
    before = fingerprint("a")
    text = (package / f"{module}.py").read_text("utf-8")
    write(package, module, text + "\nz = 3\n")
    assert fingerprint("a") != before


@pytest.mark.parametrize("text", ["def f(:\n", "x = 1\ny = \0\n", b"\xff = 1\n"])
def test_a_module_that_is_no_python_is_named(package, text):
    (package / "b.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    clear()
    with pytest.raises(UserError, match=r"landscape/b\.py.*not readable as Python"):
        fingerprint("a")


def test_a_module_that_is_not_imported_does_not_count(package):
    before = fingerprint("a")
    write(package, "c", "y = 3\n")
    assert closure("a") == {"a", "b"}
    assert fingerprint("a") == before


def test_importing_inside_a_package_imports_the_package(package):
    (package / "sub").mkdir()
    write(package / "sub", "__init__", "k = 1\n")
    write(package / "sub", "deep", "m = 1\n")
    write(package, "c", "import landscape.sub.deep\n")
    assert closure("c") == {"c", "sub", "sub.deep"}
