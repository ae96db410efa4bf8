"""Numbers printed in README and docs/results.md, recomputed from the published tables."""

import re

import numpy as np
import pandas as pd
import pytest

from landscape.notation.names import label
from landscape.release import verify
from landscape.report.mechanism.chapter import order
from landscape.report.mechanism.edge import edge
from support.artefacts import ROOT

RELEASE = ROOT / "docs/results/mechanism"
README = (ROOT / "README.md").read_text("utf-8")
ANSWER = README[README.index("<!-- answer") : README.index("<!-- end of answer")]
BOTH = ("vgg_a", "vgg_a_bn")
RESULTS = (ROOT / "docs/results.md").read_text("utf-8")


@pytest.fixture(scope="module")
def verdicts() -> pd.DataFrame:
    return pd.read_csv(RELEASE / "mechanism/verdicts.csv").set_index("key")


def three(value: float) -> str:
    """Three significant digits, as the texts have them."""
    return f"{value:#.3g}".rstrip(".")


def final_losses() -> pd.Series:
    """By network, the final losses of its seeds."""
    summary = pd.read_csv(RELEASE / "mechanism/summary.csv")
    return summary[summary["quantity"] == "final_loss"].set_index("arch")["value"]


def interval(row: pd.Series) -> str:
    return f"[{three(row['ratio_low'])}, {three(row['ratio_high'])}]"


def test_the_release_follows_from_its_runs():
    for check in (verify.verify_files, verify.verify_records, verify.verify_tables):
        check(RELEASE)


def test_every_number_of_the_answer_is_in_the_tables(verdicts):
    start, suffices = verdicts.loc["start_helps"], verdicts.loc["start_suffices"]
    standardized = final_losses().loc["vgg_a_ws"]
    sharp, noise = verdicts.loc["sharpness"], verdicts.loc["less_noise"]
    answer = " ".join(ANSWER.partition("*Source:*")[0].partition("-->")[2].split())
    expected = [
        f"{three(suffices['value_second'])} [nats](#terms) after 3,000 steps",
        f"against {three(start['value_second'])} without",
        f"({three(start['value_first'])} nats)",
        f"({three(standardized.mean())} nats, one seed)",
        f"{three(noise['ratio'])} times {interval(noise)}",
        f"{three(sharp['ratio'])} times, 95 % interval {interval(sharp)}",
    ]
    for text in expected:
        assert text in answer
    counted = re.findall(r"\d[\d.,]*\d|\d", answer)
    known = re.findall(r"\d[\d.,]*\d|\d", " ".join(expected))
    assert sorted(counted) == sorted(known)  # and it has no other number


@pytest.mark.parametrize(
    ("key", "row"),
    [
        ("covariate_shift", "less internal covariate shift"),
        ("smoothness", "smoother along the gradient"),
        ("sharpness", "lower sharpness"),
        ("less_noise", "less gradient noise"),
        ("start_helps", "a better start helps"),
        ("start_suffices", "a better start suffices"),
        ("statistics", "normalizing during training matters"),
        ("scale_invariance", "scale invariance tunes the learning rate"),
        ("stability", "stable distributions are not needed"),
        ("only_larger_rates", "larger learning rates are the whole gain"),
    ],
)
def test_every_row_of_the_results_is_in_the_tables(verdicts, key, row):
    (line,) = (line for line in RESULTS.splitlines() if line.startswith(f"| {row} |"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    found = verdicts.loc[key]
    values = [three(found["value_first"]), three(found["value_second"])]
    assert cells[2:4] == values
    if pd.isna(found["ratio"]):  # a run diverges
        assert cells[4] == order(found).replace("\n", ", ")
    else:
        sure = ", one seed" if found["seeds"] == 1 else f" {interval(found)}"
        assert cells[4] == f"{three(found['ratio'])}{sure}"
    assert cells[5] == found["verdict"]


NETWORKS = {
    "VGG-A": "vgg_a",
    "frozen BatchNorm": "vgg_a_bn_frozen",
    "LayerNorm": "vgg_a_ln",
    "GroupNorm": "vgg_a_gn",
    "normalized once": "vgg_a_init",
    "He's initial weights": "vgg_a_he",
    "InstanceNorm": "vgg_a_in",
    "noise after BatchNorm": "vgg_a_bn_noise",
    "BatchNorm with the largest absolute value (L∞)": "vgg_a_linf",
    "BatchNorm, norms of filters fixed": "vgg_a_bn_fixed_norm",
    "BatchNorm with the mean absolute value (L1)": "vgg_a_l1",
    "BatchNorm with the root mean square (L2)": "vgg_a_l2",
    "standardized weights": "vgg_a_ws",
    "BatchNorm": "vgg_a_bn",
}


def test_the_table_of_networks_is_the_published_one():
    section = RESULTS.partition("| network | final loss (nats) | seeds |\n|---|---|---|\n")[2]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines()]
    rows = rows[: len(NETWORKS)]
    assert [row[0] for row in rows] == list(NETWORKS)
    losses = final_losses()
    means = []
    for (_, shown, seeds), arch in zip(rows, NETWORKS.values(), strict=True):
        found = losses.loc[[arch]]
        means.append(np.exp(np.log(found.dropna()).mean()))
        assert shown == three(means[-1])
        assert seeds.split(",")[0] == str(found.notna().sum())
        assert ("diverge" in seeds) == found.isna().any()
    assert means == sorted(means, reverse=True)
    assert set(NETWORKS.values()) == set(losses.index)


def test_the_remarks_are_so():
    text = " ".join(RESULTS.split())
    summary = pd.read_csv(RELEASE / "mechanism/summary.csv")

    def of(quantity, arch):
        return summary[(summary["quantity"] == quantity) & (summary["arch"] == arch)]

    (frozen,) = of("final_loss_low", "vgg_a_bn_frozen")["value"]
    assert f"at 0.02 one ends at {three(frozen)} nats" in text
    assert of("final_loss", "vgg_a_bn_frozen")["diverged"].sum() == 2
    (he,) = of("final_loss", "vgg_a_he")["value"]
    once = three(np.exp(np.log(of("final_loss", "vgg_a_init")["value"]).mean()))
    assert f"they end at {three(he)} nats with one seed, the network" in text
    assert f"normalized once from data at {once}." in text
    trained = pd.read_csv(RELEASE / "mechanism/range.csv")
    seeds = trained.groupby(["arch", "learning_rate"])["trained"].sum()
    assert seeds["vgg_a_bn"].to_dict() == {
        0.01: 3, 0.03: 3, 0.1: 3, 0.3: 3, 1.0: 2, 3.0: 0, 10.0: 0,
    }  # fmt: skip
    plain = seeds["vgg_a"]
    assert plain[plain > 0].to_dict() == {0.1: 1, 0.3: 1}
    best = {"vgg_a_bn": 0.1, "vgg_a": 0.3, "vgg_a_init": 0.03, "vgg_a_bn_frozen": 0.01}
    for arch, rate in best.items():
        assert set(of("best_rate", arch)["value"]) == {rate}
    looked = pd.read_parquet(RELEASE / "mechanism/mechanism.parquet")
    ends = {(row[0], row[1]): row[3] for row in edge(looked)["body"]}
    at, low = ([ends[name, rate] for name in map(label, BOTH)] for rate in ("0.1", "0.02"))
    assert f"ends at {at[0]} without and {at[1]} with BatchNorm at 0.1, at {low[0]} and" in text
    assert f"and {low[1]} at 0.02: at the edge" in text
    first = looked[(looked["quantity"] == "lambda_1") & (looked["step"] == 0)]
    first = first[first["learning_rate"] == 0.1].groupby("arch")["value"]
    plain, normalized = (three(np.exp(np.log(first.get_group(name)).mean())) for name in BOTH)
    assert f"Before training it is {plain} without and {normalized} with BatchNorm" in text
    verdicts = pd.read_csv(RELEASE / "mechanism/verdicts.csv")
    both = verdicts[verdicts["equal_loss_verdict"] != "not measured"]
    assert (both["verdict"] == both["equal_loss_verdict"]).all()
