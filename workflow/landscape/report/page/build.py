"""results/report.html: the report's first page, interactive plots and sortable tables; one file."""

import base64
import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from landscape.config.study import Study
from landscape.figures.colors import on_dark
from landscape.report.content import content
from landscape.report.page.explored import explored
from landscape.report.page.pictures import embedded
from landscape.report.page.plots import Plot
from landscape.report.page.prose import Prose
from landscape.report.page.tables import Titled, tables
from landscape.storage.files import write_bytes

PLOTLY = files("plotly") / "package_data/plotly.min.js"
STATIC = Path(__file__).parent / "static"
COLOR = re.compile("#[0-9A-Fa-f]{6}")


def build(results: Path, study: Study, output: Path) -> None:
    """Write the page from the tables and figures below `results`; same input, same bytes."""
    said = content(results, study)
    plots, shown = list(explored(results, study)), list(tables(said))
    prose = Prose(
        {
            "figure": {name: caption["title"] for name, caption in said["figures"].items()},
            "table": {table.name: table.title for table in shown},
            "section": {question["name"]: question["title"] for question in said["questions"]},
        }
    )
    sections = [_plot(plot, prose, results / "figures") for plot in plots]
    data = _json([asdict(plot) for plot in plots])
    page = Template(_static("page.html")).substitute(
        title=escape(said["title"]),
        style=_static("page.css"),
        byline=escape(" · ".join(filter(None, (said["authors"], said["date"])))),
        setup=escape(said["setup"]),
        note=f'<p class="note">{escape(said["note"])}</p>' if said["note"] else "",
        answer=escape(" ".join(said["answer"])),
        first="".join(sections[:1]),
        claims=prose.table(said["claims"]) if said["claims"]["body"] else "",
        plots="\n".join(sections[1:]),
        findings=_findings(said, prose),
        networks=_networks(said, prose),
        limitations=_section("Limitations", prose.paragraphs(said["limitations"])),
        tables="\n".join(_table(table, prose) for table in shown),
        figures="\n".join(f"<li>{prose.figure(name)}</li>" for name in said["figures"]),
        data=data,
        on_dark=_json({tint: on_dark(tint) for tint in sorted(set(COLOR.findall(data)))}),
        plotly=_plotly(),
        script=_static("page.js"),
    )
    write_bytes(output, page.encode())


def _static(name: str) -> str:
    return (STATIC / name).read_text("utf-8")


def _json(value: Any) -> str:
    """JSON that is safe inside a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


@cache
def _plotly() -> str:
    """plotly.js as base64 of gzip, which browsers since 2023 can unpack: 2 MB instead of 5."""
    return base64.b64encode(gzip.compress(PLOTLY.read_bytes(), mtime=0)).decode()


def _plot(plot: Plot, prose: Prose, figures: Path) -> str:
    """A plot's section: its text, links to its figures, and one figure for lack of JavaScript."""
    titles = prose.titles["figure"]
    printed = [name for name in plot.figures if name in titles]
    links = ", ".join(
        f'<a href="figures/{name}.pdf">{escape(titles[name])}</a>' for name in printed
    )
    address = embedded(figures / f"{printed[0]}.png")
    picture = f'<img src="{address}" alt="{escape(plot.title)}">'
    return (
        f'<section class="plot" id="{plot.name}"><h2>{escape(plot.title)}</h2>\n'
        f"<p>{escape(plot.text)}</p>\n<noscript>{picture}</noscript>\n"
        f'<p class="links">Printed figures: {links}</p></section>'
    )


def _findings(said: Mapping[str, Any], prose: Prose) -> str:
    questions = "\n".join(
        f'<h3 id="section-{question["name"]}">{escape(question["title"])}</h3>\n'
        f"{prose.paragraphs([question['text']])}"
        for question in said["questions"]
    )
    return _section("Findings", questions)


def _section(title: str, body: str) -> str:
    return f"<h2>{title}</h2>\n{body}" if body else ""


def _networks(said: Mapping[str, Any], prose: Prose) -> str:
    """The findings of the other studies, if there are any."""
    parts = []
    if "mechanism" in said:
        mechanism = said["mechanism"]
        texts = [mechanism["setup"], *mechanism["summary"], *mechanism["stability"]]
        parts.append(_section("What explains it?", prose.paragraphs(texts)))
    if "network" in said:
        network = said["network"]
        names = ("finals_text", "factors_text", "ablations_text", "plain_text")
        texts = [network["setup"], *network["question"], *(network[name] for name in names)]
        parts.append(_section("Which network is best?", prose.paragraphs(texts)))
    return "\n".join(parts)


def _table(titled: Titled, prose: Prose) -> str:
    return (
        f'<details id="table-{titled.name}"><summary>{escape(titled.title)}</summary>\n'
        f"{prose.table(titled.table)}</details>"
    )
