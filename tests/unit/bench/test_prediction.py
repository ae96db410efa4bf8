"""What a card would take is computed, and the page shows what is computed."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from landscape.bench import prediction
from landscape.bench.prediction import Card, step_seconds, training_seconds
from landscape.config.architectures import Mlp
from landscape.config.recipes import SmallImages
from landscape.config.study import load_study
from support.artefacts import ROOT
from support.runs import RUNS, a_run

RUN = a_run(architecture=Mlp(neurons=4, hidden_layers=1), batch_size=10, epochs=2, gradient_lags=())
ENDLESS = Card({"float32": math.inf, "bfloat16": math.inf}, math.inf)
PARAMETERS = 3 * 32 * 32 * 4 + 4 + 4 * 10 + 10


def test_a_step_is_a_sum_of_arithmetic_memory_and_pauses() -> None:
    assert step_seconds(RUN, 7, ENDLESS, "float32") == 7 * prediction.PAUSE_SECONDS
    products = 3 * 2 * 10 * (3 * 32 * 32 * 4 + 4 * 10)  # thrice the forward pass's
    slow = replace(ENDLESS, flops={"float32": 1e6})
    expected = products / (1e6 * prediction.ARITHMETIC_SHARE)
    assert step_seconds(RUN, 0, slow, "float32") == pytest.approx(expected)


def test_memory_is_of_outputs_in_the_step_s_precision_and_of_parameters_in_float32() -> None:
    slow = replace(ENDLESS, copied_bytes=1e6 / prediction.MEMORY_SHARE)
    whole, half = (step_seconds(RUN, 0, slow, p) for p in ("float32", "bfloat16"))
    parameters = prediction.PASSES["parameters"] * 4 * PARAMETERS / 1e6
    assert whole - parameters == pytest.approx(2 * (half - parameters))
    measured = RUN.model_copy(update={"gradient_lags": (1,)})
    more = prediction.PASSES["measures"] * 4 * PARAMETERS / 1e6
    assert step_seconds(measured, 0, slow, "float32") == pytest.approx(whole + more)


def test_a_training_is_all_its_steps_some_of_them_on_smaller_images() -> None:
    assert training_seconds(RUN, 95, 7, ENDLESS, "float32") == 20 * step_seconds(
        RUN, 7, ENDLESS, "float32"
    )
    whole = RUNS["network"].model_copy(update={"small_images": None})
    small = whole.model_copy(update={"small_images": SmallImages(size=16, share=0.5)})
    slow = replace(ENDLESS, flops={"float32": 1e6})
    times = [training_seconds(run, 50, 0, slow, "float32") for run in (whole, small)]
    assert 0.55 < times[1] / times[0] < 0.66  # half of the steps cost a quarter or less


def test_the_page_shows_what_is_computed() -> None:
    page = Path(ROOT / "docs/speed.md").read_text("utf-8")
    for row in prediction.predictions(load_study([ROOT / "config.yaml"])):
        cells = [f"`{row['what']}`" if row["runs"] == 1 else "one seed of `bands`"]
        cells += [row["precision"], *(f"{row[card]:.3g} s" for card in prediction.CARDS)]
        assert "| " + " | ".join(cells) + " |" in page
