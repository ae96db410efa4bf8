"""The documentation as data: its files, and the blocks of code in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.artefacts import ROOT

DOCUMENTS = [
    *(
        ROOT / name
        for name in ("README.md", "CONTRIBUTING.md", "config/README.md", "tests/README.md")
    ),
    *sorted(ROOT.glob("docs/*.md")),
]
SHELL = ("bash", "sh", "shell", "console", "zsh", "")


@dataclass(frozen=True)
class Block:
    """A fenced block of code, and the last heading above it."""

    document: Path
    heading: str
    language: str
    text: str


def blocks(document: Path) -> Iterator[Block]:
    heading, language, lines = "", None, []
    for line in document.read_text("utf-8").splitlines():
        fence = re.match(r"\s*```(\w*)", line)
        if fence and language is None:
            language, lines = fence[1], []
        elif fence:
            assert language is not None
            yield Block(document, heading, language, "\n".join(lines) + "\n")
            language = None
        elif language is not None:
            lines.append(line)
        elif found := re.match(r"#+ (.*)", line):
            heading = found[1]
    assert language is None, f"{document}: a block without its end"


def commands(block: Block) -> list[str]:
    """The commands of a shell block without remarks; a continued one counts as one."""
    if block.language not in SHELL:
        return []
    lines = block.text.replace("\\\n", " ").splitlines()
    without_remarks = (re.sub(r"(^|\s)#\s.*", "", line).strip() for line in lines)
    return [line for line in without_remarks if line]


def named_files(block: Block) -> dict[str, str]:
    """The file that a block shows, if its first line is a comment with the file's name."""
    named = re.match(r"# ([\w./-]+\.\w+)\n", block.text)
    return {named[1]: block.text} if named and block.language not in SHELL else {}
