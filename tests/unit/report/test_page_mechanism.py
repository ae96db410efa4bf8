"""The page's plot of the mechanism study shows the medians of its tables."""

import numpy as np
import pandas as pd
import pytest

from landscape.figures.colors import color
from landscape.notation.names import label
from landscape.report.page.mechanism import NO_VALUE, path

NETWORKS = ("vgg_a", "vgg_a_bn", "vgg_a_ws")
STEPS = (0, 30, 60)


@pytest.fixture
def losses():
    random = np.random.default_rng(0)
    rows = [
        (name, rate, seed, step, random.uniform(0.5, 2))
        for name in NETWORKS
        for rate in (0.02, 0.1)
        for seed in range(3)
        for step in STEPS
        if rate == 0.1 or name != "vgg_a_ws"
    ]
    return pd.DataFrame(rows, columns=["arch", "learning_rate", "seed", "step", "loss"])


@pytest.fixture
def looked():
    random = np.random.default_rng(1)
    rows = [
        (name, rate, seed, step, quantity, layer, random.uniform(1, 50))
        for name in NETWORKS[:2]
        for rate in (0.02, 0.1)
        for seed in range(3)
        for step in (0, 10, 1000)
        for quantity in ("lambda_1", "batch_sharpness")
        for layer in ("", "features.0")
    ]
    columns = ["arch", "learning_rate", "seed", "step", "quantity", "layer", "value"]
    return pd.DataFrame(rows, columns=columns)


def panel(plot, name):
    (found,) = [choice.panels[0] for choice in plot.choices if choice.name == name]
    return found


def test_every_rate_has_its_losses_and_the_largest_its_curvatures(losses, looked):
    plot = path(losses, looked)
    for rate, names in ((0.1, NETWORKS), (0.02, NETWORKS[:2])):
        traces = panel(plot, f"loss, learning rate {rate:g}").traces
        assert [trace["name"] for trace in traces] == [label(name) for name in names]
        for name, trace in zip(names, traces, strict=True):
            rows = losses[(losses["arch"] == name) & (losses["learning_rate"] == rate)]
            np.testing.assert_allclose(trace["y"], rows.groupby("step")["loss"].median(), rtol=1e-3)
            assert trace["x"] == list(STEPS)
            assert trace["line"]["color"] == color(name)
    for quantity, said in (
        ("lambda_1", "λ₁ relative to 2/lr"),
        ("batch_sharpness", "κ relative to 2/lr"),
    ):
        shown = panel(plot, said)
        assert shown.layout["xaxis"]["type"] == "category"
        for name, trace in zip(NETWORKS[:2], shown.traces, strict=True):
            rows = looked[(looked["arch"] == name) & (looked["quantity"] == quantity)]
            rows = rows.query("learning_rate == 0.1 and layer == ''")
            expected = rows.groupby("step")["value"].median() * 0.1 / 2
            np.testing.assert_allclose(trace["y"], expected, rtol=1e-3)
            assert trace["x"] == ["0", "10", "1,000"]


def test_a_diverged_seed_leaves_the_median_to_the_others(losses, looked):
    lost = (losses["arch"] == "vgg_a") & (losses["seed"] == 0) & (losses["step"] > 0)
    plot = path(losses.assign(loss=losses["loss"].where(~lost, 1e9)), looked)
    (trace,) = [t for t in panel(plot, "loss, learning rate 0.1").traces if t["name"] == "VGG-A"]
    rest = losses.query("arch == 'vgg_a' and learning_rate == 0.1 and seed > 0")
    expected = rest.groupby("step")["loss"].median()
    np.testing.assert_allclose(trace["y"][1:], expected.iloc[1:], rtol=1e-3)


def test_where_nothing_is_left_the_panel_says_so(losses, looked):
    plot = path(losses.assign(loss=np.inf), looked[:0])
    for choice in plot.choices:
        (said,) = choice.panels[0].layout["annotations"]
        assert said["text"] == NO_VALUE
