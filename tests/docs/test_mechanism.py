"""Numbers printed in docs/mechanism.md, recomputed from the tables that `make protocols` wrote."""

import re

import numpy as np
import pandas as pd
import pytest

from landscape.notation.names import label
from landscape.notation.numbers import number
from support.artefacts import ROOT

PAGE = (ROOT / "docs/mechanism.md").read_text("utf-8")
TABLES = ROOT / "docs/results/protocols"
RATE = 0.1
STEPS = (0, 10, 30, 60, 120)
Rows = list[list[str]]


def table(name: str) -> pd.DataFrame:
    return pd.read_csv(TABLES / f"{name}.csv")


def at(scale: pd.DataFrame, power: int) -> pd.DataFrame:
    """The rows of the step size 2^power learning rates."""
    return scale[np.isclose(scale["step_size"], RATE * 2.0**power, rtol=1e-4)]


def known_answers() -> Rows:
    rows = table("known_answers").to_dict("records")
    return [
        [
            row["protocol"],
            row["quantity"],
            f"≤ {row['most']:.4g}"
            if row["least"] in (-1, 0)
            else f"{row['least']:.4g} to {row['most']:.4g}",
            f"{row['measured']:.4g}",
        ]
        for row in rows
    ]


def kinks() -> Rows:
    scale = table("scale")
    rows = []
    for (arch, width), part in scale[scale["step"] == 120].groupby(["arch", "width"], sort=False):
        betas = [at(part, power)["beta"].iloc[0] for power in (-2, -6, -12, -18)]
        curved = part["hg_over_g"].iloc[0]
        rows.append([label(arch), f"{width:g}", *(number(value) for value in (curved, *betas))])
    return rows


def slopes() -> Rows:
    scale = table("scale")
    large = scale[(scale["arch"] == "vgg_a_bn") & (scale["width"] == 0.25)]
    between = large[large["step_size"].between(RATE * 2**-12.5, RATE * 2**-1.5)]
    found = [
        np.polyfit(np.log(part["step_size"]), np.log(part["beta"]), 1)[0]
        for _, part in between.groupby("step")
    ]
    return [[f"−{-slope:.2f}" for slope in (*found, float(np.mean(found)))]]


def smooth() -> Rows:
    scale = table("scale")
    scale = scale[scale["activation"] == "gelu"]
    rows = []
    for arch, part in scale.groupby("arch", sort=False):
        for power in (-6, -10):
            here = at(part, power)
            off = 100 * abs(here["beta"] / here["hg_over_g"] - 1)
            curved = f"{here['hg_over_g'].iloc[0]:.3g}"
            rows.append([label(arch), curved, f"lr/{2**-power}", *(f"{o:.2g} %" for o in off)])
    return rows


def edge() -> Rows:
    names = {"mlp_bn": "MLP with BatchNorm, tanh"}
    rows = []
    for (arch, rate), part in table("edge").groupby(["arch", "learning_rate"], sort=False):
        steps = [f"{step}: {share:.2f}" for step, share in part[["step", "share_of_edge"]].values]
        name = names.get(arch, label(arch))
        rows.append([name, f"{rate:g}", ", ".join(s.replace(".0:", ":") for s in steps)])
    return rows


def head() -> Rows:
    rows = table("head").to_dict("records")
    return [[label(row["arch"]), f"{row['loss_range']:.3g}"] for row in rows]


SECTIONS = {
    "Known answers": known_answers,
    "Kinks: small steps do not show curvature": kinks,
    "How fast it grows": slopes,
    "Smooth networks: when a step is small": smooth,
    "The edge of stability": edge,
    "Before any training": head,
}


def printed(title: str) -> Rows:
    """The cells below the head of the table below this heading."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if re.match(r"\| ", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


@pytest.mark.parametrize("title", SECTIONS)
def test_every_row_is_the_table_s(title):
    assert printed(title) == SECTIONS[title]()


def test_known_answers_are_within_their_limits():
    answers = table("known_answers")
    assert answers["measured"].between(answers["least"], answers["most"]).all()
