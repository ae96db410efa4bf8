"""A headline number depends on the columns that it is made of, and on no other."""

import numpy as np
import pandas as pd
import pytest

from landscape.config.study import load_study
from landscape.tables.band import band
from landscape.tables.bands_and_probe import BAND_MEASURES, PROBE_MEASURES
from landscape.tables.collect import joined, runs_table
from landscape.tables.headline import bands_values, probe_values, summarize
from landscape.tables.series import bands_series, probe_series
from oracle import random_runs
from support.artefacts import ROOT


def series(*names):
    return {part for name in names for part in (name, f"{name.removesuffix('_mean')}_median")}


BANDS = {  # file: column: the rows of bands/summary.csv that it decides
    "steps": {
        "loss": series("loss_band_width", "loss_band_width_late"),
        "gradient_distance": series("gradient_distance_mean"),
        "output_gradient_distance": series("output_gradient_distance_mean"),
        "beta": series("beta_mean") | {"beta_maximum"},
        "same_batch_gradient_distance": series("same_batch_gradient_distance_mean"),
        "same_batch_beta": series("same_batch_beta_mean"),
    },
    "epochs": {"train_loss": {"final_train_loss_lowest"}},
    "runs": {"test_accuracy": {"test_accuracy_best", "test_accuracy_worst"}},
}
LEFT = {f"gradient_left_at_{size}" for size in (0.015625, 0.0625, 0.25, 0.5, 1.0, 2.0, 4.0)}
PROBE = {
    "probe": {
        "loss": series("loss_range_mean", "loss_range_late") | {"loss_range_first"},
        "gradient_distance": series("gradient_distance_mean", "gradient_distance_late")
        | {"gradient_distance_first"},
        "gradient_cosine": series("cosine_distance_mean"),
        "beta": series("beta_maximum_mean", "beta_maximum_late")
        | {"beta_maximum_first"}
        | {name.replace("gradient_left", "beta") for name in LEFT},
        "hg_over_g": series("curvature_mean"),
        "gradient_norm": LEFT,
        "gradient_norm_there": LEFT,
    },
    "steps": {"loss": {"final_loss"}},
    "runs": {"test_accuracy": {"test_accuracy"}},
}
KEYS = {"arch", "learning_rate", "seed", "step", "epoch", "relative_step_size", "status", "steps"}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("random")
    random_runs.write(folder, 3)
    study = load_study([ROOT / "config.yaml", folder / "random.yaml"])
    tables = {}
    for part in (study.bands, study.probe):
        name = "bands" if part is study.bands else "probe"
        files = {"steps": "steps.parquet", "epochs": "epochs.csv"}
        files |= {"probe": "probe.parquet"} if name == "probe" else {}
        found = {k: joined(part.run_ids, folder, file, set()) for k, file in files.items()}
        tables[name] = {**found, "runs": runs_table(part.run_ids, folder)}
    return study, tables


def bands_summary(study, steps, epochs, runs):
    found = bands_series(band(steps, BAND_MEASURES), steps)
    return summarize(bands_values(found, steps, epochs, runs), study.bands.architectures, found)


def probe_summary(study, steps, epochs, probe, runs):
    inside = probe[probe["relative_step_size"].isin(study.probe.band_step_sizes)]
    found = probe_series(band(inside, PROBE_MEASURES), probe, steps)
    return summarize(probe_values(found, steps, runs), study.probe.architectures, found)


@pytest.mark.parametrize(
    ("part", "summarized", "expected"),
    [
        ("bands", bands_summary, BANDS),
        pytest.param("probe", probe_summary, PROBE, marks=pytest.mark.slow),
    ],
)
def test_a_column_changes_the_rows_that_are_made_of_it(results, part, summarized, expected):
    study, by_part = results
    tables = by_part[part]
    before = summarized(study, **tables).set_index("measure")
    named = {row for columns in expected.values() for rows in columns.values() for row in rows}
    assert named == set(before.index) - {"diverged_runs"}
    for file, table in tables.items():
        numbers = [n for n in table.select_dtypes("number") if n not in KEYS]
        assert numbers
        for column in numbers:
            random = np.random.default_rng(0)
            other = table.assign(**{column: table[column] * random.uniform(0.5, 1, len(table))})
            after = summarized(study, **{**tables, file: other}).set_index("measure")
            same = pd.DataFrame(before == after) | (before.isna() & after.isna())
            changed = set(before.index[~same.all(axis=1)])
            assert changed == expected.get(file, {}).get(column, set()), (file, column)
