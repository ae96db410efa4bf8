"""The pages themselves: their size, links, and the words that the README must explain."""

import re
from pathlib import Path

import pytest

from support.artefacts import ROOT
from support.documents import DOCUMENTS

README = ROOT / "README.md"


def anchors(document: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and most viewers make them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(document: Path) -> list[str]:
    text = re.sub(r"```.*?```", "", document.read_text("utf-8"), flags=re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", text)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_within_the_project_leads_somewhere(document):
    for link in links(document):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_is_short_and_names_every_page():
    assert len(README.read_bytes()) <= 7168
    pages = {f"docs/{path.name}" for path in ROOT.glob("docs/*.md")}
    assert pages <= set(links(README))


def test_the_tree_of_the_readme_is_the_real_one():
    package = ROOT / "workflow/landscape"
    tree = README.read_text("utf-8").partition("## The tree")[2]
    named = [name.rstrip("/") for name in re.findall(r"^ {0,2}([\w./]+)", tree, re.MULTILINE)]
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    assert rooms <= set(named)
    assert [name for name in named if name not in rooms and not (ROOT / name).exists()] == []
