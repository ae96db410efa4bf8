"""Numbers printed in docs/mechanism.md, recomputed from the tables that `make protocols` wrote."""

import pandas as pd

from support.artefacts import ROOT

PAGE = (ROOT / "docs/mechanism.md").read_text("utf-8")
TEXT = " ".join(PAGE.split())
TABLES = ROOT / "docs/results/protocols"
RATE = 0.1


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(TABLES / f"{name}.csv")


def printed(title: str) -> list[list[str]]:
    """The cells of the first table below this heading."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def limits(row: pd.Series) -> str:
    if row["least"] in (-1, 0):
        return f"≤ {row['most']:.4g}"
    return f"{row['least']:.4g} to {row['most']:.4g}"


def test_known_answers_are_the_table_s_and_within_their_limits():
    answers = table("known_answers")
    assert (answers["measured"].between(answers["least"], answers["most"])).all()
    expected = [
        [row["protocol"], row["quantity"], limits(row), f"{row['measured']:.4g}"]
        for _, row in answers.iterrows()
    ]
    assert printed("Known answers") == expected
