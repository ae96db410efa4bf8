"""A tiny mechanism study from training to tables: the contract, innocence, resumption."""

import shutil

import numpy as np
import pandas as pd
import pytest

from landscape.errors import UserError
from landscape.insight import mechanism as looking

RUN = "mechanism/vgg_a_bn/lr0.1/seed0"


def test_every_quantity_is_there_with_its_names(looked):
    table = pd.read_parquet(looked / RUN / "mechanism.parquet")
    assert list(table.columns) == looking.ROWS
    assert set(table["step"]) == {0, 10}
    whole = table[table["layer"] == ""].pivot(index="step", columns="quantity", values="value")
    assert {"lambda_1", "lambda_5", "lambda_min", "kappa", "batch_sharpness"} <= set(whole)
    assert (whole["lambda_1"] >= whole["kappa"]).all()
    assert (whole["residual"] < 0.01 * whole["lambda_1"]).all()
    by_layer = table[table["layer"] != ""]
    assert set(by_layer.loc[by_layer["quantity"] == "stable_rank", "step"]) == {0}
    for quantity in ("shift_cosine", "lambda_times_norm2", "bound_ratio_highest"):
        assert by_layer.loc[by_layer["quantity"] == quantity, "layer"].nunique() >= 8
    first = by_layer[(by_layer["quantity"] == "shift_cosine") & (by_layer["layer"] == "features.0")]
    np.testing.assert_allclose(first["value"], 1, atol=1e-6)
    plain = pd.read_parquet(looked / "mechanism/vgg_a/lr0.1/seed0/mechanism.parquet")
    assert {"lambda_1", "noise_scale"} <= set(plain["quantity"])
    assert not {"lambda_2", "lambda_times_norm2"} & set(plain["quantity"])


def test_spectra_are_of_the_networks_that_ask_for_them(looked):
    nodes = pd.read_parquet(looked / RUN / "spectrum.parquet")
    assert set(nodes["step"]) == {0, 10}
    assert set(nodes.loc[nodes["step"] == 10, "statistics"]) == {"batch", "population"}
    mass = nodes.groupby(["step", "statistics", "probe"])["weight"].sum()
    np.testing.assert_allclose(mass, 1, rtol=1e-5)
    assert pd.read_parquet(looked / "mechanism/vgg_a/lr0.1/seed0/spectrum.parquet").empty


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        ([0, 10, 30, 100, 300, 1000], {0, 100, 1000}),
        ([0, 10, 30, 140, 200], {0, 140, 200}),
        ([0, 10, 30, 60], {0, 60}),
        ([0], {0}),  # it diverged at once
    ],
)
def test_in_depth_are_the_start_the_first_moment_from_step_100_on_and_the_end(moments, expected):
    assert looking.deep(moments) == expected


def test_a_look_that_is_killed_goes_on_at_its_moment_and_ends_the_same(
    looked, mechanism_study, tmp_path, monkeypatch
):
    shutil.copytree(looked, tmp_path / "results", symlinks=True)
    folder = tmp_path / "results"
    whole = {name: (folder / RUN / name).read_bytes() for name in ("mechanism.parquet",)}
    for name in ("mechanism.parquet", "spectrum.parquet"):
        (folder / RUN / name).unlink()
    rows, seen = looking.Subject.rows, []

    def fragile(self, step):
        seen.append(step)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return rows(self, step)

    monkeypatch.setattr(looking.Subject, "rows", fragile)
    look = mechanism_study.look(RUN)
    with pytest.raises(KeyboardInterrupt):
        looking.collect(look, folder, threads=1)
    assert not (folder / RUN / "mechanism.parquet").exists()
    looking.collect(look, folder, threads=1)
    assert seen == [0, 10, 10]
    assert {name: (folder / RUN / name).read_bytes() for name in whole} == whole
    assert not (folder / RUN / "mechanism.state").exists()


def test_damaged_snapshots_are_refused(looked, mechanism_study, tmp_path):
    shutil.copytree(looked, tmp_path / "results", symlinks=True)
    path = tmp_path / "results" / RUN / "snapshots.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="snapshots.safetensors: damaged"):
        looking.collect(mechanism_study.look(RUN), tmp_path / "results", threads=1)


def test_the_tables_hold_every_run_by_its_network(looked):
    networks = {"vgg_a", "vgg_a_bn"}
    for name in ("mechanism.parquet", "losses.parquet"):
        table = pd.read_parquet(looked / "mechanism" / name)
        assert set(table["arch"]) == networks
    trained = pd.read_csv(looked / "mechanism/range.csv")
    assert len(trained) == 4
    assert set(trained.loc[trained["learning_rate"] == 1000, "status"]) == {"diverged"}
    assert not trained.loc[trained["learning_rate"] == 1000, "trained"].any()
    verdicts = pd.read_csv(looked / "mechanism/verdicts.csv").set_index("key")
    assert set(verdicts["verdict"]) <= {"not decided", "not measured"}  # one seed
    assert verdicts.loc["statistics", "verdict"] == "not measured"  # no such network here
    assert len(pd.read_csv(looked / "mechanism/runs.csv")) == 7
