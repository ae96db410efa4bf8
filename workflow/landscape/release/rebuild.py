"""Every figure and the report of a release, drawn anew from its tables."""

from pathlib import Path

from landscape.errors import UserError
from landscape.figures.draw import draw
from landscape.figures.registry import FIGURES
from landscape.figures.selection import wanted
from landscape.release.pack import settings_in, unpack
from landscape.report.build import build


def rebuild(release: Path, results: Path) -> tuple[list[Path], list[Path]]:
    """Unpack a release into `results` and draw its figures and report: (made, kept).

    A figure whose tables are not part of the release, such as one of the images, is kept as it is.
    """
    unpack(release, results)
    study = settings_in(results)
    made, kept = [], []
    for name in wanted(study):
        png, pdf = (results / "figures" / f"{name}{suffix}" for suffix in (".png", ".pdf"))
        if all((results / table).exists() for table in FIGURES[name].tables):
            draw(name, results, study.figures, png, pdf)
            made += [png, pdf]
        elif png.exists():
            kept.append(png)
        else:
            raise UserError(f"{release}: neither {png.name} nor the tables that it is drawn from")
    build(results, study, results / "report.pdf")
    return [*made, results / "report.pdf"], kept
