"""Cost and gain of each setting of the network study: means over seeds, and paired differences.

Two runs of one seed start from the same weights (if their shapes are equal) and see the same images
in the same order, so settings are compared seed by seed. The difference of a level is the mean over
seeds of (accuracy with it − accuracy without it), and its interval the 95 % t-interval of this
mean, from three seeds on. Because sweeps and ablations are many comparisons, Holm's correction
decides which differences survive, separately for all levels of all sweeps and for all ablations.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from landscape.config.entries import BASE, Entry, slug
from landscape.config.network_study import JUDGED_BY
from landscape.tables.statistics import (
    ENOUGH,
    extremes,
    holm,
    interval,
    mean,
    p_value,
    share_interval,
)

COSTS = ("parameters", "flops", "train_flops", "train_seconds")
ACCURACIES = (
    "validation_accuracy",
    "test_accuracy",
    "test_accuracy_augmented",
    "train_accuracy",
)
DIFFERENCE = (
    "difference",
    "difference_low",
    "difference_high",
    "difference_lowest",
    "difference_highest",
    "difference_p",
    "pairs",
)
COMPARED = ("test_accuracy", "test_accuracy_augmented", "train_flops", "train_seconds")


def summary_table(entries: Iterable[Entry], runs: pd.DataFrame) -> pd.DataFrame:
    """A row per setting, and one for the network of plain tensors if there is one.

    `run` is the name that its runs share, `seeds` counts them, `diverged` those without an
    accuracy; costs are means over the runs that completed. `…_std` is the standard deviation over
    seeds, `…_low` and `…_high` the interval of the mean, empty with fewer than three seeds;
    `…_lowest` and `…_highest` are the extremes over seeds. `difference` is in validation accuracy,
    from the base (sweeps) or the whole final network (ablations), over the `pairs` of seeds that
    both completed, `difference_p` the p value of its paired t-test, `survives` whether it survives
    Holm's correction (1 or 0); empty where the setting is the base. `learning_rate` is the one that
    the setting is trained with, which may have been chosen among several.
    """
    entries = list(entries)
    base = next((entry.name for entry in entries if entry.is_base), BASE)
    rows = [
        {
            "run": entry.name,
            "kind": entry.kind,
            "group": entry.group,
            "level": entry.level,
            **_means(runs[runs["name"] == entry.name]),
            **_difference(entry, base, runs),
        }
        for entry in entries
    ]
    plain = runs[runs["name"] == "plain"]
    if len(plain):
        names = dict.fromkeys(("run", "kind", "group", "level"), "plain")
        rows.append({**names, **_means(plain)})
    table = pd.DataFrame(rows)
    families = table.groupby("kind")["difference_p"]
    rates = runs.groupby("name")["learning_rate"].first()
    return table.assign(
        survives=families.transform(holm).astype(float), learning_rate=table["run"].map(rates)
    )


def comparisons(finals: Sequence[tuple[str, str]], runs: pd.DataFrame) -> pd.DataFrame:
    """Every pair of final networks, `(level, name)` each, compared seed by seed.

    `difference` is second minus first; `ratio` second over first, of the means.
    """
    columns = ["measure", "first", "second", "difference", "low", "high"]
    columns += ["lowest", "highest", "ratio", "pairs"]
    rows = []
    for (first, one), (second, other) in combinations(finals, 2):
        for measure in COMPARED:
            before, after = (_by_seed(runs, name, measure) for name in (one, other))
            steps = (after - before).dropna()
            means = mean(before), mean(after)
            ratio = means[1] / means[0] if means[0] and means[1] else None
            limits = *interval(steps), *extremes(steps)
            rows.append([measure, first, second, mean(steps), *limits, ratio, len(steps)])
    return pd.DataFrame(rows, columns=columns)


def _means(runs: pd.DataFrame) -> dict[str, Any]:
    completed = runs[runs["status"] == "completed"]
    row: dict[str, Any] = {"family": runs["family"].iloc[0], "seeds": len(runs)}
    for cost in COSTS:
        row[cost] = mean(completed[cost]) if len(completed) else None
    row["parameters"] = runs["parameters"].iloc[0]
    for accuracy in ACCURACIES:
        values = completed[accuracy].astype(float).dropna()
        row[accuracy] = mean(values)
        row[f"{accuracy}_std"] = float(values.std()) if len(values) >= ENOUGH else None
        row[f"{accuracy}_low"], row[f"{accuracy}_high"] = share_interval(values)
        row[f"{accuracy}_lowest"], row[f"{accuracy}_highest"] = extremes(values)
    return {**row, "diverged": len(runs) - len(completed)}


def _difference(entry: Entry, base: str, runs: pd.DataFrame) -> dict[str, Any]:
    reference = {"sweep": base, "ablation": f"final/{slug(entry.group)}"}.get(entry.kind)
    if reference is None or reference == entry.name:
        return dict.fromkeys(DIFFERENCE)
    ours, theirs = (_by_seed(runs, name, JUDGED_BY) for name in (entry.name, reference))
    steps = (ours - theirs).dropna()
    values = mean(steps), *interval(steps), *extremes(steps), p_value(steps), len(steps)
    return dict(zip(DIFFERENCE, values, strict=True))


def _by_seed(runs: pd.DataFrame, name: str, measure: str) -> pd.Series:
    part = runs[runs["name"] == name]
    completed = part[part["status"] == "completed"]
    return completed.set_index("seed")[measure].astype(float)
