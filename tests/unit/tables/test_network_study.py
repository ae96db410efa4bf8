"""The network study's tables against numbers that are known by hand."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from landscape.cli.main import main
from landscape.config.network_study import NetworkStudy
from landscape.errors import UserError
from landscape.storage import tables
from landscape.tables.network_study import aggregate_network
from support import synthetic_network
from support.artefacts import ROOT

LOST = "network/sweep/activation/gelu/seed1"
CONTENT = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))["network"]


def study(**changes):
    """The configured study, smaller: two factors, three final networks."""
    content = {
        **CONTENT,
        "seeds": [0, 1, 2],
        "tune": None,
        "sweeps": {name: CONTENT["sweeps"][name] for name in ("filters", "activation")},
        "finals": {name: CONTENT["finals"][name] for name in ("speedrun", "fast", "compact")},
        "final_seeds": [1, 2, 3],
        "insight": None,
        **changes,
    }
    return NetworkStudy.model_validate(content)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("network")
    synthetic_network.write_runs(folder, study(), diverged=(LOST,))
    aggregate_network(study(), folder)
    return folder


@pytest.fixture(scope="module")
def runs(results):
    return tables.read_table(results / "network/runs.csv").set_index("run")


@pytest.fixture(scope="module")
def summary(results):
    table = tables.read_table(results / "network/summary.csv")
    return table.set_index(["kind", "group", "level"])


def accuracies(runs, name, column="validation_accuracy"):
    return runs[runs["name"] == name].set_index("seed")[column]


def test_every_run_has_a_row_with_what_made_it(runs, results):
    ids = [run.id for run in study().runs("auto")] + ["network/plain/seed0"]
    assert list(runs.index) == ids
    names = {"device", "precision", "seed", "threads", "torch", "python", "git_commit", "data"}
    assert names | {"code", "train_images", "train_seconds", "total_seconds"} <= set(runs.columns)
    assert runs.loc["network/plain/seed0", ["name", "family"]].to_list() == ["plain", "plain"]
    assert runs.loc["network/final/fast/seed1", "family"] == "fast"
    assert runs.loc[ids[:-1], "train_flops"].notna().all()
    assert pd.isna(runs.loc["network/plain/seed0", "train_flops"])


def test_accuracies_are_those_of_the_last_epoch_and_of_no_run_that_diverged(runs, results):
    epochs = tables.read_table(results / "network/epochs.csv")
    run = "network/final/compact/seed2"
    last = epochs[epochs["run"] == run].iloc[-1]
    assert last["epoch"] == study().finals["compact"]["epochs"]
    assert runs.loc[run, "validation_accuracy"] == last["validation_accuracy"]
    assert runs.loc[run, "train_accuracy"] == last["train_accuracy"]
    assert (epochs["run"] == LOST).any()
    assert pd.isna(runs.loc[LOST, "validation_accuracy"])


def test_a_setting_is_the_mean_over_its_seeds(runs, summary):
    row, values = summary.loc[("final", "fast", "fast")], accuracies(runs, "final/fast")
    assert row["validation_accuracy"] == pytest.approx(values.mean())
    assert row["validation_accuracy_std"] == pytest.approx(values.std(ddof=1))
    half = stats.t.ppf(0.975, 2) * values.std(ddof=1) / 3**0.5
    assert row["validation_accuracy_low"] == pytest.approx(values.mean() - half)
    assert row["validation_accuracy_high"] == pytest.approx(values.mean() + half)
    seconds = runs.loc[runs["name"] == "final/fast", "train_seconds"]
    assert row["train_seconds"] == pytest.approx(seconds.mean())
    assert (row["seeds"], row["diverged"]) == (3, 0)
    assert row["test_accuracy_augmented"] > row["test_accuracy"]


def test_levels_in_their_order_and_the_base_wherever_a_level_is_it(summary):
    levels = summary.loc["sweep"].loc["filters"].index
    assert list(levels) == ["16", "32", "64"]
    base = summary[summary["run"] == "base"]
    assert list(base.index.get_level_values("level")) == ["32", "relu"]
    assert base["validation_accuracy"].nunique() == 1
    assert base["difference"].isna().all()
    assert summary.loc["sweep"]["test_accuracy"].isna().all()
    assert ("plain", "plain", "plain") in summary.index


def test_differences_are_taken_seed_by_seed(runs, summary):
    row = summary.loc[("sweep", "filters", "64")]
    steps = accuracies(runs, "sweep/filters/64") - accuracies(runs, "base")
    assert row["difference"] == pytest.approx(steps.mean())
    half = stats.t.ppf(0.975, 2) * steps.std(ddof=1) / 3**0.5
    assert row["difference_high"] == pytest.approx(steps.mean() + half)
    # Seeds shift all settings alike, so that the paired interval is the narrower one.
    wide = row["validation_accuracy_high"] - row["validation_accuracy_low"]
    assert row["difference_high"] - row["difference_low"] < wide


def test_an_ablation_is_paired_over_the_seeds_that_both_have(runs, summary):
    row = summary.loc[("ablation", "fast", "no whitening")]
    whole = accuracies(runs, "final/fast")
    steps = accuracies(runs, "ablation/fast/no_whitening") - whole
    assert row["pairs"] == 2  # seeds 0 to 2 and 1 to 3
    assert row["difference"] == pytest.approx(steps.loc[[1, 2]].mean())


def test_a_diverged_run_counts_and_is_in_no_mean(runs, summary):
    row = summary.loc[("sweep", "activation", "gelu")]
    assert (row["seeds"], row["diverged"], row["pairs"]) == (3, 1, 2)
    left = accuracies(runs, "sweep/activation/gelu").loc[[0, 2]]
    assert row["validation_accuracy"] == pytest.approx(left.mean())


def test_final_networks_are_compared_two_by_two(runs, results):
    table = tables.read_table(results / "network/comparisons.csv")
    table = table.set_index(["first", "second", "measure"])
    row = table.loc[("speedrun", "fast", "test_accuracy")]
    steps = accuracies(runs, "final/fast", "test_accuracy") - accuracies(
        runs, "final/speedrun", "test_accuracy"
    )
    assert row["difference"] == pytest.approx(steps.mean())
    assert row["low"] < row["difference"] < row["high"]
    seconds = [accuracies(runs, f"final/{n}", "train_seconds").mean() for n in ("fast", "compact")]
    ratio = table.loc[("fast", "compact", "train_seconds"), "ratio"]
    assert ratio == pytest.approx(seconds[1] / seconds[0])


def test_one_seed_has_no_interval(tmp_path):
    small = study(seeds=[0], final_seeds=[0], sweeps={"filters": CONTENT["sweeps"]["filters"]})
    synthetic_network.write_runs(tmp_path, small)
    aggregate_network(small, tmp_path)
    table = tables.read_table(tmp_path / "network/summary.csv")
    assert table["validation_accuracy"].notna().all()
    empty = [c for c in table if c.endswith(("_low", "_high", "_std"))]
    assert len(empty) >= 10
    assert table[empty].isna().all(axis=None)
    assert table.loc[table["level"] == "64", "difference"].notna().all()


def test_without_finals_ablations_and_plain_there_is_still_a_summary(tmp_path):
    small = study(finals={}, ablations={}, plain=None, seeds=[0, 1])
    synthetic_network.write_runs(tmp_path, small)
    aggregate_network(small, tmp_path)
    assert set(tables.read_table(tmp_path / "network/summary.csv")["kind"]) == {"sweep"}
    assert tables.read_table(tmp_path / "network/comparisons.csv").empty


def test_settings_as_the_workflow_passes_them_give_the_same_tables(results, tmp_path):
    folder = shutil.copytree(results, tmp_path / "results")
    written = [folder / "network" / f"{n}.csv" for n in ("runs", "summary", "epochs")]
    before = [path.read_bytes() for path in written]
    for path in written:
        path.unlink()
    text = study().model_dump_json()
    assert main(["aggregate", "network", "--results", str(folder), "--settings", text]) == 0
    assert [path.read_bytes() for path in written] == before


@pytest.mark.parametrize(
    ("file", "damage", "said"),
    [
        ("epochs.csv", lambda t: t.drop(index=0), "epochs from 1 on"),
        ("epochs.csv", lambda t: t[:0], "epochs from 1 on"),
        ("epochs.csv", lambda t: t.assign(validation_accuracy=np.inf), "not finite"),
        ("epochs.csv", lambda t: t.drop(columns="train_accuracy"), "lacks the columns"),
        ("run.json", lambda run: {k: v for k, v in run.items() if k != "status"}, "'status'"),
    ],
)
def test_a_damaged_file_stops_the_aggregation_by_name(results, tmp_path, file, damage, said):
    folder = tmp_path / "results"
    shutil.copytree(results / "network", folder / "network")
    path = folder / "network/final/fast/seed1" / file
    if file == "run.json":
        path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    else:
        tables.write_table(path, damage(tables.read_table(path)))
    with pytest.raises(UserError, match=said) as error:
        aggregate_network(study(), folder)
    assert str(path) in str(error.value)
