"""The studies in this folder, for the message to a command that names a wrong one."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from landscape.config.yaml_files import read_yaml
from landscape.errors import UserError
from landscape.storage.files import read_json

BASE = Path("config.yaml")
OVERLAYS = ("studies/*.yaml", "profiles/*/study.yaml")  # laid over it, one for each study
DATA = "data/dataset.json"  # the first file of every results folder


class Found(NamedTuple):
    """A results folder with prepared images, and the options that name it."""

    results: Path
    options: str


def found_studies() -> list[Found]:
    """The studies of the configurations in this folder, and other folders in their results."""
    configured = dict(_configured())
    below = {path.parents[1] for top in list(configured) for path in top.glob(f"*/{DATA}")}
    folders = {**{folder: f"--results {folder}" for folder in sorted(below)}, **configured}
    return [
        Found(folder, options) for folder, options in folders.items() if (folder / DATA).exists()
    ]


def _configured() -> Iterator[tuple[Path, str]]:
    files = [BASE, *(path for pattern in OVERLAYS for path in sorted(Path().glob(pattern)))]
    for path in files:
        try:
            results = read_yaml(path).get("results")
        except UserError:
            continue
        if isinstance(results, str):
            yield Path(results).expanduser(), "" if path == BASE else f"--config {path}"


def others(results: Path) -> str:
    """A sentence that names the other studies, without the one in `results`; empty without any."""
    listed = [
        f"{study.results} ({study.options or 'the default'})"
        for study in found_studies()
        if study.results != results
    ]
    return f" Studies here: {', '.join(listed)}." if listed else ""


def require_study(results: Path) -> None:
    """Refuse a results folder without prepared images, which every study needs first."""
    if not (results / DATA).exists():
        remedy = " `make demo` makes one; the stage `dataset` prepares the images of any other."
        raise UserError(
            f"{results}: there is no study here, {DATA} is missing.{others(results) or remedy}"
        )


def example() -> str:
    """A trained network in this folder, as an example; empty without any."""
    for study in found_studies():
        for path in sorted(study.results.glob("*/**/model.safetensors")):
            return f"; for example {path.parent}"
    return ""


def prepared_images(results: Path) -> int | None:
    """The number of prepared training images; None if there are none yet."""
    try:
        return int(read_json(results / DATA)["train_images"])
    except (UserError, KeyError, TypeError, ValueError):
        return None
