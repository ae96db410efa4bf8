"""Categories and labels with which Snakemake's HTML report lists what a study makes.

Snakemake sorts categories by name, hence the numbers.
"""

from landscape.report.captions import CAPTIONS

CATEGORIES = {
    "report": "1 The report",
    "data": "2 The images",
    "bands": "3 The loss over learning rates",
    "probe": "4 The loss along the gradient",
    "mechanism": "5 What BatchNorm changes",
    "network": "6 The best network",
    "bench": "7 The speed of this machine",
}
TABLES = {  # in the results folder; the others are too long to read
    "bands/summary.csv": "Headline numbers",
    "bands/by_learning_rate.csv": "By learning rate",
    "bands/runs.csv": "Every run",
    "probe/summary.csv": "Headline numbers",
    "probe/by_step_size.csv": "By step size",
    "probe/runs.csv": "Every run",
    "mechanism/verdicts.csv": "Verdicts",
    "mechanism/range.csv": "Learning rates that train",
    "mechanism/runs.csv": "Every run",
    "network/summary.csv": "Every level, ablation and final network",
    "network/tuning.csv": "Learning rates of the sweeps' levels",
    "network/comparisons.csv": "Pairs of final networks",
    "network/layers.csv": "Layers of the final networks",
    "network/runs.csv": "Every run",
}


def figure_label(name: str) -> dict[str, str]:
    return {"figure": CAPTIONS[name].title}


def table_label(path: str) -> dict[str, str]:
    return {"table": TABLES[path]}
