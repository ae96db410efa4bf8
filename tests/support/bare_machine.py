"""A Python that sees a few packages of this environment, and what they require, and no others."""

import re
import venv
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement


def bare_python(folder: Path, packages: Iterable[str]) -> Path:
    """The interpreter of a new virtual environment, whose packages are links to those here."""
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    for found in _required(packages):
        for name in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            if not name.endswith(".pth") and not (site / name).exists():
                (site / name).symlink_to(Path(str(found.locate_file(name))))
    return folder / "bin/python"


def _required(packages: Iterable[str]) -> Iterator[Distribution]:
    """These packages, what they require, what that requires, and so on."""
    waiting, seen = list(packages), set[str]()
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # a library of CUDA beside a torch without it
        yield found
        for requirement in map(Requirement, found.requires or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
