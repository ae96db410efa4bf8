"""Intervals, corrections and bootstraps against definitions and against how often they hold."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from landscape.tables.headline import summarize
from landscape.tables.statistics import (
    extremes,
    holm,
    interval,
    p_value,
    share_interval,
    within_runs,
)


def test_the_interval_is_student_s():
    low, high = interval(pd.Series([1.0, 2.0, 3.0]))
    # mean 2, standard error 1/√3, t quantile of 2 degrees of freedom 4.302653
    assert (low, high) == pytest.approx((2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5), rel=1e-6)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [1.0, 2.0, np.nan]])
def test_there_is_no_interval_of_fewer_than_three_values(values):
    sample = pd.Series(values, dtype=float)
    assert interval(sample) == share_interval(sample) == (None, None)
    assert p_value(sample) is None


def test_of_two_seeds_the_extremes_are_both_values():
    assert extremes(pd.Series([2.0, np.nan, 1.0])) == (1.0, 2.0)
    assert extremes(pd.Series([np.nan])) == (None, None)


def test_the_interval_covers_as_often_as_it_says():
    random = np.random.default_rng(0)
    samples = random.normal(5, 2, size=(2000, 4))
    covered = [low < 5 < high for low, high in map(interval, map(pd.Series, samples))]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)


def test_the_p_value_is_that_of_the_paired_t_test():
    differences = pd.Series([0.01, 0.03, 0.02, -0.01])
    assert p_value(differences) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)
    assert p_value(pd.Series([0.5, 0.5, 0.5])) == 0
    assert p_value(pd.Series([0.0, 0.0, 0.0])) == 1


def test_holm_stops_at_the_first_that_fails():
    p = pd.Series([0.012, 0.04, 0.001, np.nan, 0.03], index=[*"abcde"])
    survives = holm(p)  # limits 0.0125, 0.0167, 0.025, 0.05 for 0.001, 0.012, 0.03, 0.04
    assert list(survives[["c", "a", "e", "b"]]) == [True, True, False, False]
    assert pd.isna(survives["d"])


def test_holm_rarely_lets_anything_through_where_there_is_nothing():
    random = np.random.default_rng(0)
    false = [holm(pd.Series(random.uniform(size=12))).any() for _ in range(2000)]
    assert 0.03 < np.mean(false) < 0.07


def autoregressive(random, steps, mean):
    """A series whose neighbours correlate by 0.8."""
    noise = random.normal(size=steps)
    for step in range(1, steps):
        noise[step] += 0.8 * noise[step - 1]
    return mean * np.exp(0.2 * noise)


def test_the_bootstrap_covers_the_ratio_of_correlated_series():
    random = np.random.default_rng(1)
    expected = 0.5  # both series have the same noise around their means
    covered = 0
    for _ in range(100):
        one, other = (pd.DataFrame({0: autoregressive(random, 400, mean)}) for mean in (2.0, 1.0))
        low, high = within_runs(one, other)
        covered += low < expected < high
    assert 85 <= covered <= 100


def test_the_bootstrap_is_the_same_twice_and_needs_steps_and_positive_means():
    random = np.random.default_rng(2)
    one, other = (pd.DataFrame(random.uniform(1, 2, (60, 2))) for _ in range(2))
    assert within_runs(one, other) == within_runs(one, other)
    assert within_runs(one, one) == (1.0, 1.0)
    assert within_runs(one[:19], other[:19]) == (None, None)
    assert within_runs(one - 10, other) == (None, None)


@pytest.mark.parametrize(("seeds", "within"), [(1, True), (2, True), (3, False)])
def test_a_summary_has_an_interval_within_runs_where_seeds_are_few(seeds, within):
    random = np.random.default_rng(3)
    index = pd.MultiIndex.from_product(
        [["a", "b"], range(seeds), range(50)], names=["arch", "seed", "step"]
    )
    series = {"width": pd.Series(random.uniform(1, 2, len(index)), index)}
    means = series["width"].groupby(level=["arch", "seed"]).mean()
    numbers = means.rename("value").reset_index().assign(measure="width")
    row = summarize(numbers, ["a", "b"], series).iloc[0]
    assert pd.notna(row["ratio_within_low"]) == within
    assert pd.notna(row["ratio_low"]) == (not within)
    if within:
        assert row["ratio_within_low"] < row["ratio"] < row["ratio_within_high"]
