"""Redrawing every figure and both reports of a release from its tables."""

from pathlib import Path

from landscape.errors import UserError
from landscape.figures.draw import draw
from landscape.figures.registry import FIGURES
from landscape.figures.selection import wanted
from landscape.release.contents import PAGES
from landscape.release.pack import settings_in, unpack
from landscape.report import build
from landscape.report.page import build as page


def rebuild(release: Path, results: Path) -> tuple[list[Path], list[Path]]:
    """Unpack a release into `results` and make its figures and reports: (made, kept).

    A figure whose data are not in the release, such as one of the images, is kept.
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
            raise UserError(f"{release}: has neither {png.name} nor its tables")
    pdf, html = (results / name for name in PAGES)
    build.build(results, study, pdf)
    page.build(results, study, html)
    return [*made, pdf, html], kept
