"""The tables of the bands study, from the files of its runs."""

import json

from oracle.naive.statistics import highest, lowest, mean, median, there
from oracle.naive.training import table

BANDS = ("loss", "gradient_distance", "output_gradient_distance", "beta")
FACTS = (
    "train_images",
    "validation_images",
    "steps",
    "status",
    "diverged_at_step",
    "parameters",
    "test_accuracy",
    "test_loss",
    "train_seconds",
    "total_seconds",
    "device",
    "precision",
    "threads",
    "torch",
    "data",
    "code",
    "git_commit",
    "finished",
)
SAME = ("same_batch_gradient_distance", "same_batch_beta")


class Runs:
    """The files of a study's runs as lists of rows, each with the names of its run."""

    def __init__(self, results, folders):
        self.facts, self.files = {}, {}
        for folder in folders:
            facts = json.loads((results / folder / "run.json").read_text("utf-8"))
            settings = facts["run"]
            key = (settings["architecture"]["name"], settings["learning_rate"], settings["seed"])
            self.facts[key] = facts
            for name in ("steps.parquet", "epochs.csv", "probe.parquet"):
                if (results / folder / name).exists():
                    self.files[key, name] = table(results / folder, name)

    def rows(self, name):
        """Of all runs, with `arch`, `learning_rate` and `seed`."""
        return [
            {"arch": key[0], "learning_rate": key[1], "seed": key[2], **row}
            for key in self.facts
            for row in self.files[key, name]
        ]

    def seeds(self, arch):
        return list(dict.fromkeys(seed for name, _, seed in self.facts if name == arch))

    @property
    def architectures(self):
        return list(dict.fromkeys(name for name, _, _ in self.facts))

    def pairs(self):
        """Every (architecture, seed), in the order of the runs."""
        return list(dict.fromkeys((name, seed) for name, _, seed in self.facts))

    def table(self):
        """runs.csv"""
        found = []
        for (arch, rate, seed), facts in self.facts.items():
            settings = facts["run"]
            row = {"study": settings["study"], "arch": arch, "learning_rate": rate, "seed": seed}
            row |= {"width": settings["architecture"]["width"]}
            row |= {
                "optimizer": settings["optimizer"]["name"],
                "batch_size": settings["batch_size"],
            }
            found.append({**row, **told(facts)})
        return found


def told(facts):
    """The columns of runs.csv that say how a run ended and what made it."""
    return {**{name: facts[name] for name in FACTS}, "python": facts["versions"]["python"]}


def band(rows, measures):
    """Rows of bands.parquet: the lowest and highest of each measure at each step of a seed."""
    found = []
    for measure in measures:
        together = {}
        for row in rows:
            together.setdefault((row["arch"], row["seed"], row["step"]), []).append(row[measure])
        for (arch, seed, step), values in together.items():
            if there(values):
                found.append(
                    {
                        "arch": arch,
                        "seed": seed,
                        "measure": measure,
                        "step": step,
                        "minimum": lowest(values),
                        "maximum": highest(values),
                        "runs": len(there(values)),
                    }
                )
    return found


def whole(bands, measure):
    """The rows of a measure at those steps of a seed at which no run has diverged."""
    rows = [row for row in bands if row["measure"] == measure]
    expected = max(row["runs"] for row in rows) * len({row["arch"] for row in rows})
    found = []
    for row in rows:
        place = (row["seed"], row["step"])
        runs = sum(other["runs"] for other in rows if (other["seed"], other["step"]) == place)
        if runs == expected:
            found.append(row)
    return found


def bands_series(bands, steps):
    """{measure: {(arch, seed, step): value}}"""
    length = max(row["step"] for row in bands) + 1
    loss = whole(bands, "loss")
    ends_at_once = max((row["step"] for row in loss), default=0) == 0
    width = {}
    for row in loss:
        narrow = ends_at_once or row["runs"] < 2
        key = (row["arch"], row["seed"], row["step"])
        width[key] = None if narrow else row["maximum"] - row["minimum"]
    series = {"loss_band_width": width, "loss_band_width_late": late(width, length)}
    good = {(seed, step) for _, seed, step in width}
    good_steps = [row for row in steps if (row["seed"], row["step"]) in good]
    same = SAME if SAME[0] in steps[0] else ()
    for name in ("gradient_distance", "output_gradient_distance", "beta", *same):
        at = {}
        for row in good_steps:
            at.setdefault((row["arch"], row["seed"], row["step"]), []).append(row[name])
        series[f"{name}_mean"] = {key: mean(values) for key, values in at.items()}
    return series, good_steps


def late(series, length):
    """The last tenth of the steps."""
    return {key: value for key, value in series.items() if key[2] >= 0.9 * length}


def bands_values(runs, series, good_steps):
    """{measure: {(arch, seed): value}}"""
    found = averages(series, runs)
    betas, finals, accuracies, diverged = ({pair: [] for pair in runs.pairs()} for _ in range(4))
    for row in good_steps:
        betas[row["arch"], row["seed"]].append(row["beta"])
    for (arch, rate, seed), facts in runs.facts.items():
        pair = (arch, seed)
        diverged[pair].append(facts["status"] == "diverged")
        accuracies[pair].append(facts["test_accuracy"])
        if facts["status"] == "completed":
            finals[pair].append(runs.files[(arch, rate, seed), "epochs.csv"][-1]["train_loss"])
    found["beta_maximum"] = {pair: highest(values) for pair, values in betas.items()}
    found["final_train_loss_lowest"] = {pair: lowest(values) for pair, values in finals.items()}
    found["test_accuracy_best"] = {pair: highest(values) for pair, values in accuracies.items()}
    found["test_accuracy_worst"] = {
        pair: None if None in values else min(values) for pair, values in accuracies.items()
    }
    found["diverged_runs"] = {pair: sum(values) for pair, values in diverged.items()}
    return found


def averages(series, runs):
    """Means and medians over steps; of a share that is left the median, of β at a size the mean."""
    found = {}
    for name, values in series.items():
        by_pair = {pair: [] for pair in runs.pairs()}
        for (arch, seed, _), value in values.items():
            by_pair[arch, seed].append(value)
        means = {pair: mean(those) for pair, those in by_pair.items()}
        medians = {pair: median(those) for pair, those in by_pair.items()}
        if name.startswith("gradient_left_at_"):
            found[name] = medians
            continue
        found[name] = means
        if not name.startswith("beta_at_"):
            found[name.removesuffix("_mean") + "_median"] = medians
    return found


def grouped(rows, keys, columns):
    """Rows of `keys`, `steps`, and the mean and the median of each column over the steps."""
    together = {}
    for row in rows:
        together.setdefault(tuple(row[key] for key in keys), []).append(row)
    found = []
    for key, part in together.items():
        made = {**dict(zip(keys, key, strict=True)), "steps": len(part)}
        for name, value in columns.items():
            made[f"{name}_mean"] = mean([value(row) for row in part])
            made[f"{name}_median"] = median([value(row) for row in part])
        found.append(made)
    return found


def by_learning_rate(steps):
    measured = [row for row in steps if there([row.get(SAME[0])])]
    columns = {
        name: lambda row, name=name: row[name] for name in ("gradient_distance", "beta", *SAME)
    }
    columns["same_batch_share"] = lambda row: (row[SAME[0]] / row["gradient_distance"]) ** 2
    return grouped(measured, ("arch", "learning_rate", "seed"), columns)
