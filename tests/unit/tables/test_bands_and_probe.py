"""Bands and summaries against numbers that are known by hand."""

import json

import numpy as np
import pandas as pd
import pytest

from landscape.config.study import validate_study
from landscape.errors import UserError
from landscape.storage import tables
from landscape.tables.band import band
from landscape.tables.bands_and_probe import aggregate_bands, aggregate_probe
from landscape.tables.collect import joined
from landscape.tables.headline import bands_values, summarize
from landscape.tables.series import bands_series
from landscape.training import job
from support.artefacts import record_anew


def table(**columns):
    return pd.DataFrame(columns)


def test_a_band_is_the_minimum_and_maximum_over_learning_rates_of_one_seed():
    steps = pd.DataFrame(
        [
            ("vgg_a", rate, seed, step, 10 * seed + rate + step)
            for rate in (1.0, 2.0, 5.0)
            for seed in (0, 1)
            for step in (0, 1)
        ],
        columns=["arch", "learning_rate", "seed", "step", "loss"],
    )
    result = band(steps, ["loss"])
    expected = table(
        arch=["vgg_a"] * 4,
        seed=[0, 0, 1, 1],
        measure=["loss"] * 4,
        step=[0, 1, 0, 1],
        minimum=[1.0, 2.0, 11.0, 12.0],
        maximum=[5.0, 6.0, 15.0, 16.0],
        runs=[3, 3, 3, 3],
    )
    pd.testing.assert_frame_equal(result.sort_values(["seed", "step"], ignore_index=True), expected)


def test_a_run_that_ended_early_leaves_the_band_and_the_count():
    steps = table(
        arch="vgg_a", seed=0, learning_rate=[1, 1, 2], step=[0, 1, 0], loss=[1.0, 3.0, 9.0]
    )
    result = band(steps, ["loss"]).set_index("step")
    assert list(result["runs"]) == [2, 1]
    assert result.loc[1, "minimum"] == result.loc[1, "maximum"] == 3.0


def test_a_measure_without_a_value_at_a_step_has_no_row_there():
    steps = table(arch="vgg_a", seed=0, step=[0, 1], beta=[np.nan, 2.0])
    assert list(band(steps, ["beta"])["step"]) == [1]


def test_a_summary_has_the_ratio_of_the_second_to_the_first_seed_by_seed():
    values = table(
        measure="width",
        arch=["vgg_a", "vgg_a", "vgg_a_bn", "vgg_a_bn"],
        seed=[0, 1, 0, 1],
        value=[2.0, 4.0, 1.0, 1.0],
    )
    row = summarize(values, ["vgg_a", "vgg_a_bn"]).iloc[0]
    assert (row["vgg_a"], row["vgg_a_bn"]) == pytest.approx((8**0.5, 1.0))
    assert row["ratio"] == pytest.approx((0.5 * 0.25) ** 0.5)
    assert row["ratio"] == pytest.approx(row["vgg_a_bn"] / row["vgg_a"])
    for name in ("vgg_a", "ratio"):
        assert 0 < row[f"{name}_lowest"] < row[name] < row[f"{name}_highest"]
        assert pd.isna(row[f"{name}_low"])  # of two values there is no interval
    assert row["seeds"] == 2


def test_accuracies_are_averaged_as_they_are_and_stay_shares():
    values = table(
        measure="test_accuracy", arch=["a", "a", "b", "b"], seed=[0, 1, 0, 1], value=[0.1, 0.5] * 2
    )
    row = summarize(values, ["a", "b"]).iloc[0]
    assert row["a"] == pytest.approx(0.3)
    assert (row["a_lowest"], row["a_highest"]) == (0.1, 0.5)
    assert row["ratio"] == pytest.approx(1)


def test_one_value_of_zero_leaves_the_means_arithmetic_and_no_ratio():
    values = table(measure="w", arch=["a", "a", "b", "b"], seed=[0, 1, 0, 1], value=[0, 2, 1, 3])
    row = summarize(values, ["a", "b"]).iloc[0]
    assert (row["a"], row["b"]) == (1, 2)
    assert pd.isna(row["ratio"])


def test_seeds_are_those_of_the_architecture_with_the_fewest():
    values = table(measure="w", arch=["a", "a", "b"], seed=[0, 1, 0], value=[1.0, 4.0, 3.0])
    row = summarize(values, ["a", "b", "c"]).iloc[0]
    assert row["seeds"] == 1
    assert row["ratio"] == pytest.approx(3)


def test_the_ratio_of_a_to_b_is_the_inverse_of_b_to_a():
    values = table(measure="w", arch=[*"aaabbb"], seed=[0, 1, 2] * 2, value=[1, 10, 2, 3, 5, 4])
    one = summarize(values, ["a", "b"]).iloc[0]
    other = summarize(values, ["b", "a"]).iloc[0]
    assert one["ratio"] * other["ratio"] == pytest.approx(1)
    assert one["ratio_low"] * other["ratio_high"] == pytest.approx(1)


def test_a_measure_with_signs_has_no_ratio():
    values = table(measure="cosine", arch=["a", "b"], seed=0, value=[-0.1, 0.4])
    assert pd.isna(summarize(values, ["a", "b"]).iloc[0]["ratio"])


def test_an_architecture_without_a_value_is_an_empty_cell():
    values = table(measure="final_loss", arch=["b"], seed=[0], value=[1.0])
    row = summarize(values, ["a", "b"]).iloc[0]
    assert pd.isna(row["a"])
    assert pd.isna(row["ratio"])
    assert row["b"] == 1


def test_a_band_s_width_counts_only_steps_at_which_every_run_is_there():
    """One of two runs diverges at step 2: the survivor's width of zero is no finding."""
    bands = table(
        arch=["a", "a", "b", "b"],
        seed=0,
        measure="loss",
        step=[1, 2, 1, 2],
        minimum=[1.0, 1.0, 1.0, 1.0],
        maximum=[3.0, 1.0, 2.0, 9.0],
        runs=[2, 1, 2, 2],
    )
    steps = table(
        arch=["a", "b"],
        seed=0,
        step=1,
        beta=1.0,
        parameter_norm=1.0,
        gradient_distance=1.0,
        output_gradient_distance=1.0,
    )
    epochs = table(
        arch=["a", "a", "b", "b"],
        seed=0,
        learning_rate=[0.1, 0.2, 0.1, 0.2],
        epoch=1,
        train_loss=[3.0, 0.5, 2.0, 1.0],
    )
    runs = table(
        arch=["a", "a", "b", "b"],
        seed=0,
        learning_rate=[0.1, 0.2, 0.1, 0.2],
        status=["completed", "diverged", "completed", "completed"],
        test_accuracy=[0.5, None, 0.6, 0.7],
    )
    values = bands_values(bands_series(bands, steps), steps, epochs, runs).set_index(
        ["measure", "arch"]
    )["value"]
    assert values["loss_band_width", "a"] == 2
    assert values["loss_band_width", "b"] == 1
    assert values["diverged_runs", "a"] == 1
    # Of the run that diverged there is no final loss; the worst accuracy would be its.
    assert values["final_train_loss_lowest", "a"] == 3
    assert values["final_train_loss_lowest", "b"] == 1
    assert values["test_accuracy_best", "a"] == 0.5
    assert pd.isna(values["test_accuracy_worst", "a"])
    assert values["test_accuracy_worst", "b"] == 0.6
    assert pd.isna(values["loss_band_width_late", "a"])  # it never came so far


def test_a_measure_of_nobody_has_no_seeds():
    values = table(measure="test_accuracy", arch=["a", "b"], seed=0, value=np.nan)
    row = summarize(values, ["a", "b"]).iloc[0]
    assert row["seeds"] == 0
    assert pd.isna(row["a"])
    assert pd.isna(row["ratio"])


def test_a_ratio_to_zero_is_missing_not_infinite():
    values = table(measure="n", arch=["a", "b"], seed=0, value=[0.0, 1.0])
    row = summarize(values, ["a", "b"]).iloc[0]
    assert pd.isna(row["ratio"])
    assert row["b"] == 1


@pytest.fixture(scope="module")
def study(tiny_content):
    content = json.loads(json.dumps(tiny_content))
    content["bands"] |= {"learning_rates": [0.001, 0.002], "architectures": ["vgg_a", "vgg_a_bn"]}
    content["probe"]["architectures"] = ["vgg_a"]
    return validate_study(content)


@pytest.fixture(scope="module")
def trained(results, study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    (folder / "data").symlink_to(results / "data")
    for run in study.runs:
        job.train(run, folder, threads=1)
    aggregate_bands(study.bands, folder)
    aggregate_probe(study.probe, folder)
    return folder


def test_bands_of_real_runs_are_their_extremes(trained, study):
    bands = tables.read_table(trained / "bands" / "bands.parquet")
    assert list(bands.columns) == ["arch", "seed", "measure", "step", "minimum", "maximum", "runs"]
    runs = [
        tables.read_table(trained / "bands" / "vgg_a" / f"lr{rate}" / "seed0" / "steps.parquet")
        for rate in (0.001, 0.002)
    ]
    for measure in ("loss", "gradient_distance", "output_gradient_distance", "beta"):
        ours = bands[(bands["arch"] == "vgg_a") & (bands["measure"] == measure)].set_index("step")
        both = np.stack([run[measure].to_numpy() for run in runs])[:, ours.index]
        assert np.array_equal(ours["minimum"], both.min(0))
        assert np.array_equal(ours["maximum"], both.max(0))


def test_headline_numbers_follow_from_the_bands(trained):
    bands = tables.read_table(trained / "bands" / "bands.parquet")
    summary = tables.read_table(trained / "bands" / "summary.csv").set_index("measure")
    loss = bands[(bands["measure"] == "loss") & (bands["arch"] == "vgg_a_bn")]
    width = (loss["maximum"] - loss["minimum"]).mean()
    assert summary.loc["loss_band_width", "vgg_a_bn"] == pytest.approx(width)
    assert summary.loc["loss_band_width", "ratio"] == pytest.approx(
        summary.loc["loss_band_width", "vgg_a_bn"] / summary.loc["loss_band_width", "vgg_a"]
    )
    runs = tables.read_table(trained / "bands" / "runs.csv")
    best = runs[runs["arch"] == "vgg_a"]["test_accuracy"].max()
    assert summary.loc["test_accuracy_best", "vgg_a"] == best


def test_what_is_left_of_the_gradient_and_its_curvature_are_summed_up(trained):
    probe = tables.read_table(trained / "probe/probe.parquet")
    summary = tables.read_table(trained / "probe/summary.csv").set_index("measure")["vgg_a"]
    one = probe[probe["relative_step_size"] == 0.5]
    left = (one["gradient_norm_there"] / one["gradient_norm"]).median()
    assert summary["gradient_left_at_0.5"] == pytest.approx(left)
    assert summary["curvature_mean"] == pytest.approx(one["hg_over_g"].mean())
    assert summary["curvature_median"] == pytest.approx(one["hg_over_g"].median())


def test_the_probe_s_band_is_over_its_configured_step_sizes_only(trained, study):
    probe = tables.read_table(trained / "probe" / "probe.parquet")
    bands = tables.read_table(trained / "probe" / "bands.parquet")
    inside = probe[probe["relative_step_size"].isin(study.probe.band_step_sizes)]
    ours = bands[bands["measure"] == "beta"].set_index("step")
    assert (ours["runs"] == 4).all()
    assert np.array_equal(ours["maximum"], inside.groupby("step")["beta"].max())
    assert set(probe["relative_step_size"]) > set(inside["relative_step_size"])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda t: t.drop(index=3), "should have the steps"),
        (lambda t: t.assign(beta=np.inf), "not finite"),
        (lambda t: t.assign(loss=t["loss"].where(t["step"] != 2)), "loss has no value at step 2"),
        (lambda t: t.drop(columns="beta"), "lacks the columns"),
    ],
)
def test_a_damaged_table_stops_the_aggregation_by_name(trained, study, damage, said):
    path = trained / "bands/vgg_a/lr0.001/seed0/steps.parquet"
    whole = path.read_bytes()
    tables.write_table(path, damage(tables.read_table(path)))
    record_anew(path)
    try:
        with pytest.raises(UserError, match=said) as error:
            joined(study.bands.run_ids, trained, "steps.parquet", {"step", "loss", "beta"})
        assert str(path) in str(error.value)
    finally:
        path.write_bytes(whole)
        record_anew(path)
