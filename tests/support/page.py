"""Pages to explore, made of synthetic results, and what is in them."""

import html
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landscape.config.study import Study
from landscape.figures.selection import wanted
from landscape.report.content import content
from landscape.report.page import build
from landscape.storage.files import write_json
from landscape.storage.tables import write_table
from landscape.tables.network_study import aggregate_network
from support import synthetic_network
from support import synthetic_tables as synthetic
from support.report import WHOLE, made, study_of


@dataclass(frozen=True)
class Page:
    """A page with the results that it shows and what the report says of them."""

    results: Path
    study: Study
    said: dict[str, Any]

    @property
    def text(self) -> str:
        return (self.results / "report.html").read_text("utf-8")

    @property
    def plots(self) -> dict[str, dict[str, Any]]:
        return {plot["name"]: plot for plot in json.loads(element(self.text, "plots"))}

    @property
    def words(self) -> str:
        """The page without programs, data and markup."""
        body = re.sub(r"<(script|style|noscript)\b.*?</\1>", "", self.text, flags=re.DOTALL)
        return re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]+>", " ", body)))

    def panel(self, plot: str, choice: int = 0, panel: int = 0) -> dict[str, Any]:
        return self.plots[plot]["choices"][choice]["panels"][panel]


def element(text: str, name: str) -> str:
    """What is inside the element of this id."""
    return re.search(rf'id="{name}"[^>]*>(.*?)</', text, re.DOTALL)[1]


def page_of(folder: Path, study: Study | None = None, **options: Any) -> Page:
    """A page of the two studies, without networks."""
    study, said = made(folder, study, **options)
    build.build(folder, study, folder / "report.html")
    return Page(folder, study, said)


def whole_page(folder: Path) -> Page:
    """A page of everything: with final networks and loss surfaces."""
    alone = study_of()
    made(folder, alone)
    study = alone.model_copy(
        update={"network": WHOLE.network.model_copy(update={"sweeps": {}, "ablations": {}})}
    )
    write_json(folder / "data/dataset.json", {**synthetic.dataset(), "official_pixels": True})
    synthetic_network.write_runs(folder, study.network)
    aggregate_network(study.network, folder)
    write_json(folder / "network/insight.json", {"networks": [], "diverged": []})
    write_table(folder / "network/surface.parquet", synthetic.surface())
    synthetic.blank_figures(folder, wanted(study))
    build.build(folder, study, folder / "report.html")
    return Page(folder, study, content(folder, study))
