"""Page 1: who, when, on what and where; the answer, and the claims it rests on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from landscape.notation.names import label
from landscape.report.batchnorm.claims import Judged
from landscape.report.batchnorm.summary import values_text
from landscape.report.phrases import cite, listed

CITATION = Path(__file__).parents[3] / "CITATION.cff"


def authors(citation: Path = CITATION) -> str:
    """The authors that CITATION.cff names; nothing without the file."""
    try:
        found = yaml.safe_load(citation.read_text("utf-8"))["authors"]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return ""
    return listed([_name(author) for author in found])


def _name(author: Mapping[str, str]) -> str:
    parts = [author.get("given-names", ""), author.get("family-names", "")]
    return author.get("name") or " ".join(filter(None, parts))


def date(runs: Sequence[pd.DataFrame]) -> str:
    """The date on which the last run finished; empty if no run records one."""
    days = [day for table in runs if "finished" in table for day in table["finished"].dropna()]
    if not days:
        return ""
    day = pd.Timestamp(max(map(str, days)))
    return f"{day.day} {day:%B %Y}"


def machines(runs: Sequence[pd.DataFrame]) -> str:
    devices = {str(name) for table in runs for name in table["device"].dropna()}
    return listed(sorted(devices))


def note(dataset: Mapping[str, Any]) -> str:
    """A warning if the data are the demo's."""
    if dataset["source"] != "demo":
        return ""
    return (
        "An illustration, not evidence: the images are generated simple shapes, and the demo's "
        "settings were chosen so that the effect shows."
    )


def claims_table(claims: Sequence[Judged], images: int) -> dict[str, Any]:
    """Claim, both networks' values, verdict, section with details; `right`: columns of numbers."""
    if not claims:
        return {"head": [], "body": [], "right": []}
    first, second = list(claims[0].row.values)[:2]
    body = [
        [
            judged.claim.text,
            *(values_text(judged.row, name, images) for name in (first, second)),
            f"{judged.verdict.mark} {judged.verdict.word}",
            cite("section", judged.claim.section),
        ]
        for judged in claims
    ]
    head = [f"{label(second)} …", label(first), label(second), "verdict", "details"]
    return {"head": head, "body": body, "right": [1, 2]}
