"""Numbers printed in README and docs/results.md, recomputed from the published tables."""

import re

import pandas as pd
import pytest

from landscape.release import verify
from support.artefacts import ROOT

RELEASE = ROOT / "docs/results/mechanism"
README = (ROOT / "README.md").read_text("utf-8")
ANSWER = README[README.index("<!-- answer") : README.index("<!-- end of answer")]
RESULTS = (ROOT / "docs/results.md").read_text("utf-8")


@pytest.fixture(scope="module")
def verdicts() -> pd.DataFrame:
    return pd.read_csv(RELEASE / "mechanism/verdicts.csv").set_index("key")


def three(value: float) -> str:
    """Three significant digits, as the texts have them."""
    return f"{value:#.3g}".rstrip(".")


def interval(row: pd.Series) -> str:
    return f"[{three(row['ratio_low'])}, {three(row['ratio_high'])}]"


def test_the_release_follows_from_its_runs():
    for check in (verify.verify_files, verify.verify_records, verify.verify_tables):
        check(RELEASE)


def test_every_number_of_the_answer_is_in_the_tables(verdicts):
    start, suffices = verdicts.loc["start_helps"], verdicts.loc["start_suffices"]
    sharp, noise = verdicts.loc["sharpness"], verdicts.loc["less_noise"]
    answer = " ".join(ANSWER.partition("*Source:*")[0].partition("-->")[2].split())
    expected = [
        f"{three(suffices['value_second'])} [nats](#terms) after 3,000 steps",
        f"against {three(start['value_second'])} without",
        f"({three(start['value_first'])} nats)",
        f"{three(sharp['ratio'])} times, 95 % interval {interval(sharp)}",
        f"{three(noise['ratio'])} times {interval(noise)}",
    ]
    for text in expected:
        assert text in answer
    counted = re.findall(r"\d[\d.,]*\d|\d", answer)
    known = re.findall(r"\d[\d.,]*\d|\d", " ".join(expected))
    assert sorted(counted) == sorted(known)  # and it has no other number


@pytest.mark.parametrize(
    ("key", "row"),
    [
        ("covariate_shift", "less internal covariate shift"),
        ("smoothness", "smoother along the gradient"),
        ("sharpness", "lower sharpness"),
        ("less_noise", "less gradient noise"),
        ("start_helps", "a better start helps"),
        ("start_suffices", "a better start suffices"),
    ],
)
def test_every_row_of_the_results_is_in_the_tables(verdicts, key, row):
    (line,) = (line for line in RESULTS.splitlines() if line.startswith(f"| {row} |"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    found = verdicts.loc[key]
    values = [three(found["value_first"]), three(found["value_second"])]
    assert cells[2:4] == values
    assert cells[4] == f"{three(found['ratio'])} {interval(found)}"
    assert cells[5] == found["verdict"]
