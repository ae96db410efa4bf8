"""The files of a finished study that are published, and their checksums."""

from collections.abc import Iterable
from pathlib import Path

from landscape.config.study import Study
from landscape.errors import UserError
from landscape.figures.registry import FIGURES
from landscape.figures.selection import wanted
from landscape.storage.files import read_json, require_unchanged, sha256_file
from landscape.tables.tuning import TUNING, runs_in

SETTINGS = "study.json"
SUMS = "SHA256SUMS"
WEIGHTS = ".safetensors"
TABLES = ("*.csv", "*.parquet", "*.json", "*.safetensors")
LOOKED = ("mechanism.parquet", "spectrum.parquet")  # measured on the weights that a run keeps
KEPT = "snapshots.safetensors"  # these weights: many times larger than everything else
PAGES = ("report.pdf", "report.html")


def contents(study: Study, results: Path, light: bool) -> list[str]:
    """Names in `results`, sorted: description of the images, runs, tables, figures, report.

    Images, and weights along a run's path, are not included. light: without weights, and figures
    that can be redrawn as PNG only. A missing file is a UserError: the study is not finished.
    """
    found = ["data/dataset.json"]
    if study.network and study.network.is_tuned:
        found.append(TUNING)
    for run in runs_in(results, study):
        found += _run_files(results, run.id)
    for section in ("bands", "probe", "mechanism", "network"):
        for pattern in TABLES:
            found += [f"{section}/{path.name}" for path in (results / section).glob(pattern)]
    found += PAGES
    names = {name for name in found if not (light and name.endswith(WEIGHTS))}
    for figure in wanted(study):
        again = light and names.issuperset(FIGURES[figure].tables)
        names |= {f"figures/{figure}{suffix}" for suffix in (".png",) + (".pdf",) * (not again)}
    missing = [name for name in sorted(names) if not (results / name).exists()]
    if missing:
        raise UserError(
            f"{results}: the study is not finished, {len(missing)} files are missing, "
            f"the first is {missing[0]}"
        )
    return sorted(names)


def _run_files(results: Path, run_id: str) -> list[str]:
    record = f"{run_id}/run.json"
    if not (results / record).exists():
        return [record]
    recorded = [name for name in read_json(results / record)["files"] if name != KEPT]
    looked = [name for name in LOOKED if (results / run_id / name).exists()]
    return [record, *(f"{run_id}/{name}" for name in (*recorded, *looked))]


def checksums(folder: Path, names: Iterable[str]) -> str:
    """A line for each file, in the format of `sha256sum -c`."""
    return "".join(f"{sha256_file(folder / name)}  {name}\n" for name in names)


def require_checksums(folder: Path) -> list[str]:
    """The names in the folder's list of checksums, after checking each file."""
    try:
        lines = (folder / SUMS).read_text("utf-8").splitlines()
    except OSError as error:
        raise UserError(f"{folder / SUMS}: not readable ({error.strerror})") from None
    names = []
    for line in lines:
        value, separator, name = line.partition("  ")
        if not separator or Path(name).is_absolute() or ".." in Path(name).parts:
            raise UserError(
                f"{folder / SUMS}: {line!r:.100} is not a checksum with the name of a file"
            )
        require_unchanged(folder / name, value, SUMS, "fetch the release again")
        names.append(name)
    return names
