"""results/report.pdf: one JSON of texts and tables, typeset by typst/report.typ."""

import shutil
import tempfile
from pathlib import Path

import typst

from landscape.config.study import Study
from landscape.errors import UserError
from landscape.report.content import content, shown
from landscape.storage.files import write_bytes, write_json

TEMPLATES = Path(__file__).parent / "typst"


def build(results: Path, study: Study, output: Path) -> None:
    """Typeset the report from the tables and figures below `results`; same input, same bytes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for template in TEMPLATES.glob("*.typ"):
            shutil.copy(template, folder)
        write_json(folder / "report.json", content(results, study))
        for figure in shown(results, study):
            path = results / "figures" / f"{figure}.pdf"
            try:
                shutil.copy(path, folder)
            except OSError as error:
                raise UserError(f"{path}: not readable ({error.strerror})") from None
        try:
            pdf = typst.compile(
                folder / "report.typ",
                root=folder,
                format="pdf",
                ignore_system_fonts=True,
                timestamp=0,
            )
        except RuntimeError as error:
            raise UserError(f"{output}: typesetting failed ({error})") from None
    if not isinstance(pdf, bytes):
        raise UserError(f"{output}: typesetting did not give one document")
    write_bytes(output, pdf)
