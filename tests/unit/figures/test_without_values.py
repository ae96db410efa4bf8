"""Divergence and too few steps are results: a figure without values says why."""

import re
from functools import partial
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from landscape.figures import (
    bands,
    draw,
    flops,
    frontier,
    overview,
    parts,
    probe,
    surface,
    sweeps,
    training,
)
from landscape.figures.registry import INSIGHT_FIGURES
from support import synthetic_tables as synthetic


def said(figure: Figure) -> str:
    legends = [t for legend in figure.legends for t in legend.get_texts()]
    return " | ".join(text.get_text() for axes in figure.axes for text in axes.texts) + " | ".join(
        text.get_text() for text in legends
    )


def first_step_only():
    """As after one step, or as after runs that all diverged at their second."""
    table = synthetic.bands()
    return table[(table["step"] == 0) & (table["measure"] == "loss")]


@pytest.mark.parametrize("function", [bands.VGG_Grad_Pred, bands.VGG_Beta_Smooth])
def test_what_needs_two_steps_says_so(function):
    figure = function(first_step_only())
    assert "needs two steps" in said(figure)
    assert not any(axes.collections for axes in figure.axes)


def test_the_loss_of_a_single_step_is_drawn():
    figure = bands.VGG_Loss_Landscape(first_step_only())
    assert "No value" not in said(figure)
    assert figure.axes[0].collections


def test_runs_that_diverge_at_step_0_leave_no_loss():
    assert "every run diverged" in said(bands.VGG_Loss_Landscape(synthetic.bands().iloc[:0]))


@pytest.mark.parametrize("function", [probe.probe_loss, probe.probe_gradient, probe.probe_beta])
def test_a_probe_without_a_finite_step_says_so(function):
    figure = function(synthetic.probe_bands(synthetic.probe()).iloc[:0])
    assert "at every step size the loss is not finite" in said(figure)


def test_a_heat_map_without_a_finite_step_says_so():
    table = synthetic.probe()
    columns = ["loss", "beta", "gradient_distance", "gradient_cosine"]
    figure = probe.probe_beta_heatmap(table.assign(**dict.fromkeys(columns, np.nan)))
    assert "at every step size the loss is not finite" in said(figure)


def test_runs_that_all_diverge_in_their_first_epoch_have_no_curve():
    runs = synthetic.runs().assign(status="diverged", test_accuracy=None)
    figure = training.training_curves(synthetic.epochs().iloc[:0], runs)
    assert "every run diverged in its first epoch" in said(figure)


def test_the_footer_counts_the_diverged_runs():
    told = draw.provenance(synthetic.dataset(), synthetic.runs(diverged=True))
    assert told.endswith("1 of 16 runs diverged")
    assert "diverged" not in draw.provenance(synthetic.dataset(), synthetic.runs())


def test_one_learning_rate_gives_no_band():
    table = synthetic.bands(seeds=(0,))
    single = table.assign(maximum=table["minimum"], runs=1)
    assert "a single run per seed: a line, no band" in said(bands.VGG_Loss_Landscape(single))
    assert "no band" not in said(bands.VGG_Loss_Landscape(table))
    probed = synthetic.probe(seeds=(0,))
    one = synthetic.probe_bands(probed[probed["relative_step_size"] == 1])
    assert "a single step size per seed: a line" in said(probe.probe_loss(one))


def test_a_line_style_is_that_of_one_learning_rate():
    styles = [training._style(place) for place in range(52)]
    assert len({(style["ls"], style["marker"]) for style in styles}) == 52
    assert len({style["marker"] for style in styles[:13]}) == 13


def test_the_footer_says_once_which_pixels_are_official():
    nearly = {**synthetic.dataset(), "name": "CIFAR-10, official pixels of all but 0.15 %"}
    assert "(not the official pixels)" in draw.provenance(
        {**nearly, "official_pixels": False}, None
    )
    nearly |= {"official_pixels": False, "official_share": 0.9985}
    assert draw.provenance(nearly, None).startswith("CIFAR-10, official pixels of all but 0.15 % ·")


ACCURACIES = ("test_accuracy", "test_accuracy_augmented", "validation_accuracy")


def settings(kind: str, group: str):
    """Summary rows as they are where every run has diverged."""
    row = {"run": f"{kind}/{group}/a", "kind": kind, "group": group, "level": "a", "family": "fast"}
    counted = {
        "seeds": 1,
        "diverged": 1,
        "parameters": 10,
        "train_flops": np.nan,
        "train_seconds": np.nan,
    }
    return pd.DataFrame([{**row, **counted, **dict.fromkeys((*ACCURACIES, "difference"), np.nan)}])


NETWORKS = {  # figures of the network study as after runs that all diverged
    "frontier_parameters": lambda: frontier.frontier_parameters(settings("final", "a")),
    "frontier_cost": lambda: frontier.frontier_cost(settings("final", "a"), synthetic.runs()),
    "accuracy_by_flops": lambda: flops.accuracy_by_flops(
        pd.DataFrame(columns=["name", "family", "seed", "epoch", "train_flops"])
    ),
    "sweep": lambda: sweeps.sweep(settings("sweep", "loss"), synthetic.runs(), "loss"),
    "ablations": lambda: sweeps.ablations(settings("ablation", "fast"), synthetic.runs()),
    "loss_surface": lambda: surface.loss_surface(
        pd.DataFrame(columns=["run", "arch", "x", "y", "loss"])
    ),
    **{
        name: partial(
            getattr(import_module(f"landscape.figures.{module}"), name),
            {},
            {"class_names": [], "networks": [], "diverged": ["network/final/fast/seed0"]},
        )
        for name, module in INSIGHT_FIGURES.items()
    },
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_that_all_diverge_leave_a_figure_that_says_so(name):
    figure = NETWORKS[name]()
    assert re.search(r"No value: .* diverged", said(figure), re.DOTALL)
    assert not any(axes.lines or axes.collections or axes.images for axes in figure.axes)


def test_the_overview_and_the_parts_of_a_probe_without_a_value_say_so():
    empty = synthetic.probe_bands(synthetic.probe()).iloc[:0]
    assert "no loss is finite" in said(overview.overview(synthetic.bands(), empty))
    assert "No value" not in said(
        overview.overview(synthetic.bands(), synthetic.probe_bands(synthetic.probe()))
    )
    assert "not finite" in said(parts.probe_parts(synthetic.probe().assign(loss=np.nan)))
