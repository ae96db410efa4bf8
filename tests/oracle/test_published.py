"""Every table of the published mechanism study equals the oracle's, from the runs beside it."""

import json
import math

import pandas as pd
import pytest

from oracle.comparing import off, require_equal
from oracle.naive import mechanism_tables as naive
from support.artefacts import ROOT

PUBLISHED = ROOT / "docs/results/mechanism"
RUN = ["arch", "learning_rate", "seed"]
WORDS = ("explanation", "source")  # of verdicts.csv


@pytest.fixture(scope="module")
def paths():
    return naive.Paths(PUBLISHED)


@pytest.fixture(scope="module")
def settings():
    return json.loads((PUBLISHED / "study.json").read_text("utf-8"))["mechanism"]


def read(name):
    file = PUBLISHED / "mechanism" / name
    return pd.read_csv(file) if file.suffix == ".csv" else pd.read_parquet(file)


def equal(found, rows, keys):
    """In whatever order the oracle has read the runs."""
    found = found.sort_values(keys)
    rows = sorted(rows, key=lambda row: tuple(row[key] for key in keys))
    require_equal(found, rows, keys)


def test_losses_are_means_over_windows(paths):
    equal(read("losses.parquet"), naive.windows(paths), [*RUN, "step"])


def test_which_short_runs_train(paths):
    equal(read("range.csv").drop(columns="diverged_at_step"), naive.trainable(paths), RUN)


def test_values_at_equal_loss(paths):
    equal(read("equal_loss.csv"), naive.equal_loss(paths), [*RUN, "quantity", "loss"])


def test_one_number_per_network_and_seed(paths, settings):
    rows = naive.summary(naive.scalars(paths, settings))
    equal(read("summary.csv"), rows, ["quantity", "arch", "seed"])


def test_verdicts_follow_from_the_numbers(paths, settings):
    at = settings["learning_rate"]
    there = [row for row in naive.equal_loss(paths) if row["learning_rate"] == at]
    rows = naive.verdicts(naive.scalars(paths, settings), there)
    found = {row["key"]: row for row in read("verdicts.csv").to_dict("records")}
    assert found.keys() == rows.keys()
    for key, row in rows.items():
        assert set(found[key]) - set(row) == {"key", *WORDS}
        for name, value in row.items():
            assert off(found[key][name], value) <= 1e-6, (key, name, found[key][name], value)
    assert not all(math.isnan(row["equal_loss_ratio"]) for row in found.values())
