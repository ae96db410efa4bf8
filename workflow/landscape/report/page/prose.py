"""The report's texts and tables as HTML: the same words as in the PDF, citations as links."""

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from landscape.report.page.magnitude import magnitude

CITATION = re.compile("⟨([a-z]+):([a-z_]+)⟩")
Table = Mapping[str, Any]  # head and body, texts only


class Prose:
    """Texts with citations; `titles`: kind (figure, table, section) → name → title."""

    def __init__(self, titles: Mapping[str, Mapping[str, str]]) -> None:
        self.titles = titles

    def cited(self, text: str) -> str:
        """A text with ⟨figure:name⟩ and the like as links, to the PDF if the page lacks them."""
        parts, rest = [], 0
        for found in CITATION.finditer(text):
            parts += [escape(text[rest : found.start()]), self._link(*found.groups())]
            rest = found.end()
        return "".join([*parts, escape(text[rest:])])

    def _link(self, kind: str, name: str) -> str:
        title = self.titles[kind].get(name)
        if title is None:
            return f'<a href="report.pdf">a {kind} of the report</a>'
        if kind == "figure":
            return self.figure(name)
        return f'<a href="#{kind}-{name}">{escape(title)}</a>'

    def figure(self, name: str) -> str:
        """A link to a printed figure."""
        return f'<a href="figures/{name}.pdf">{escape(self.titles["figure"][name])}</a>'

    def paragraphs(self, texts: Iterable[str]) -> str:
        return "\n".join(f"<p>{self.cited(text)}</p>" for text in texts if text)

    def table(self, table: Table) -> str:
        """A table as HTML; a row whose first cell is *starred* is the title of those below it."""
        head = "".join(f'<th scope="col">{escape(text)}</th>' for text in table["head"])
        groups: list[list[str]] = [[]]
        for cells in table["body"]:
            if cells[0].startswith("*") and cells[0].endswith("*"):
                title = escape(cells[0].strip("*"))
                span = len(table["head"])
                groups.append([f'<tr><th scope="rowgroup" colspan="{span}">{title}</th></tr>'])
            else:
                texts = map(self._cell, table["head"], cells)
                groups[-1].append(f"<tr>{''.join(texts)}</tr>")
        body = "\n".join(f"<tbody>{''.join(rows)}</tbody>" for rows in groups if rows)
        return f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n{body}</table></div>'

    def _cell(self, head: str, text: str) -> str:
        value = magnitude(text)
        number = "" if value is None else f' data-value="{value:.9g}"'
        shown = self.cited(text).replace("\n", " <br>")
        return f'<td data-head="{escape(head)}"{number}>{shown}</td>'
