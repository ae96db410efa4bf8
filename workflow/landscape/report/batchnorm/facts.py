"""The facts that choose the paragraphs about batch normalization."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from landscape.config.study import Study
from landscape.notation.names import label
from landscape.report.batchnorm import endings
from landscape.report.batchnorm.claims import Tables
from landscape.report.verdicts import stated
from landscape.tables.rows import Row


@dataclass(frozen=True)
class Facts:
    """Everything that chooses the paragraphs; a study that is left out has no entries."""

    tables: Tables
    runs: Mapping[str, pd.DataFrame]
    probe_bands: pd.DataFrame | None
    study: Study
    images: int  # of the test set
    classes: int

    def row(self, study: str, measure: str) -> Row | None:
        """A row that compares two architectures."""
        row = self.tables.get(study, {}).get(measure)
        return row if row is not None and len(row.values) > 1 else None

    def compares(self, part: str) -> bool:
        """Whether this study is configured and has more than one architecture."""
        section = {"bands": self.study.bands, "probe": self.study.probe}[part]
        return section is not None and len(section.architectures) > 1

    def said(
        self, study: str, subjects: Mapping[str, str], less: str = "smaller", more: str = "larger"
    ) -> list[str]:
        """The outcome of each measure in sentences; `subjects`: measure → its name in them."""
        rows = {
            subject: row
            for measure, subject in subjects.items()
            if (row := self.row(study, measure)) is not None
        }
        return stated(rows, self.images, less, more)

    @property
    def stuck(self) -> list[str]:
        """The names of the networks at chance in the study along the gradient."""
        found = endings.not_learned(
            self.tables.get("probe", {}), "test_accuracy", self.images, self.classes
        )
        return [label(name) for name in found]
