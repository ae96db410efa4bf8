"""docs/outputs.md against the files of a finished miniature: every column is described."""

import fnmatch
import json
import re
from pathlib import Path

import pytest

from landscape.storage.tables import read_table
from support.artefacts import ROOT

PAGE = (ROOT / "docs/outputs.md").read_text("utf-8")
SECTIONS = re.findall(r"^### (`[^\n]+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
TABLES = {
    path: re.findall(r"`([^`]+)`", " ".join(re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)))
    for heading, text in SECTIONS
    for path in re.findall(r"`([^`]+)`", heading)
    if path.endswith((".parquet", ".csv")) or path == "run.json"
}
OF_A_RUN = ("steps.parquet", "epochs.csv", "probe.parquet", "run.json")


def columns(path: Path) -> list[str]:
    if path.suffix == ".json":
        return list(json.loads(path.read_text("utf-8")))
    return list(read_table(path).columns)


@pytest.mark.parametrize("name", TABLES)
def test_every_column_is_described_and_every_described_column_exists(
    name, finished_networks, looked
):
    results = finished_networks / "results"
    run = results / (
        "probe/vgg_a/seed0" if name == "probe.parquet" else "bands/vgg_a/lr0.001/seed0"
    )
    folder = looked if name.startswith("mechanism/") else run if name in OF_A_RUN else results
    found = columns(folder / name)
    described = TABLES[name]
    assert [column for column in found if not _matches(column, described)] == []
    plain = [column for column in described if "*" not in column]
    assert [column for column in plain if column not in found] == []


def _matches(column: str, described: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(column, pattern) for pattern in described)


def test_every_table_of_a_study_has_its_section(finished_networks, looked):
    results = finished_networks / "results"
    tables = {
        str(path.relative_to(folder))
        for folder, studies in ((results, ("bands", "probe", "network")), (looked, ("mechanism",)))
        for study in studies
        for path in (folder / study).iterdir()
        if path.suffix in (".csv", ".parquet")
    }
    assert tables <= set(TABLES)


def test_every_quantity_of_the_mechanism_is_described(looked):
    (text,) = re.findall(r"^#### Quantities\n(.*?)^###", PAGE, re.MULTILINE | re.DOTALL)
    rows = " ".join(re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE))
    found = read_table(looked / "mechanism/mechanism.parquet")["quantity"]
    assert set(re.findall(r"`([^`]+)`", rows)) == set(found)
