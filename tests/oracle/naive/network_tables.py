"""The tables of the network study, from the files of its runs."""

import json

from oracle.naive import statistics
from oracle.naive.runs import entries, trials
from oracle.naive.tables import told
from oracle.naive.training import table

ACCURACIES = ("validation_accuracy", "test_accuracy", "test_accuracy_augmented", "train_accuracy")
COSTS = ("parameters", "flops", "train_flops", "train_seconds")


def runs_and_epochs(results, folders):
    """Rows of runs.csv and of epochs.csv."""
    runs, epochs = [], []
    for folder in folders:
        facts = json.loads((results / folder / "run.json").read_text("utf-8"))
        settings, own = facts["run"], "architecture" in facts["run"]
        rows = table(results / folder, "epochs.csv")
        name, _, _ = folder.removeprefix("network/").rpartition("/seed")
        names = {"run": folder, "name": name, "seed": settings["seed"]}
        names["family"] = settings["architecture"]["name"] if own else "plain"
        for row in rows:
            epochs.append({"train_flops": None, **names, **row})
        ended = facts["status"] == "completed"
        runs.append(
            {
                "study": "network",
                **names,
                "learning_rate": settings["learning_rate"],
                "optimizer": settings["optimizer"]["name"] if own else "sgd",
                "batch_size": settings["batch_size"],
                "epochs": settings["epochs"],
                **told(facts),
                "test_accuracy_augmented": facts.get("test_accuracy_augmented"),
                "flops": facts.get("flops"),
                "train_flops": facts.get("train_flops"),
                "train_accuracy": rows[-1]["train_accuracy"] if ended else None,
                "validation_accuracy": rows[-1]["validation_accuracy"] if ended else None,
            }
        )
    return runs, epochs


def tuning(study, results):
    """Rows of tuning.csv, each read from its run's files."""
    rows = []
    for setting, factor, name, recipe in trials(study):
        folder = f"network/{name}/seed{study['tune']['seed']}"
        facts = json.loads((results / folder / "run.json").read_text("utf-8"))
        ended = facts["status"] == "completed"
        last = table(results / folder, "epochs.csv")[-1]["validation_accuracy"] if ended else None
        rows.append(
            {
                "setting": setting,
                "factor": factor,
                "learning_rate": recipe["learning_rate"],
                "run": folder,
                "seed": study["tune"]["seed"],
                "status": facts["status"],
                "validation_accuracy": last,
            }
        )
    best = chosen(rows)
    return [{**row, "chosen": int(best[row["setting"]] == row["factor"])} for row in rows]


def chosen(rows):
    """{setting: factor}: the highest accuracy; of equal ones the setting's own, then the smallest.

    A setting whose runs all diverged keeps its own learning rate.
    """
    best = {}
    for row in rows:
        there = [
            other
            for other in rows
            if other["setting"] == row["setting"] and other["status"] == "completed"
        ]
        highest = max([other["validation_accuracy"] for other in there], default=None)
        equal = [o["factor"] for o in there if o["validation_accuracy"] == highest]
        best[row["setting"]] = 1 if 1 in equal or not equal else min(equal)
    return best


def summary(study, runs, choice=()):
    rows = []
    settings = list(entries(study, choice))
    (base, *_) = [e[3] for e in settings if e[0] == "sweep" and e[3].split("/")[0] == "base"]
    for kind, group, level, name, _ in settings:
        row = {"run": name, "kind": kind, "group": group, "level": level}
        row |= _means([run for run in runs if run["name"] == name])
        reference = {"sweep": base, "ablation": f"final/{group.replace(' ', '_')}"}.get(kind)
        row |= _difference(runs, name, reference)
        rows.append(row)
    plain = [run for run in runs if run["name"] == "plain"]
    if plain:
        row = dict.fromkeys(("run", "kind", "group", "level"), "plain")
        rows.append({**row, **_means(plain), **_difference(runs, "plain", None)})
    for kind in ("sweep", "final", "ablation", "plain"):
        family = [row for row in rows if row["kind"] == kind]
        verdicts = statistics.holm([row["difference_p"] for row in family])
        for row, verdict in zip(family, verdicts, strict=True):
            row["survives"] = verdict
    return rows


def _means(runs):
    completed = [run for run in runs if run["status"] == "completed"]
    row = {"family": runs[0]["family"], "seeds": len(runs)}
    row["learning_rate"] = runs[0]["learning_rate"]
    row["diverged"] = len(runs) - len(completed)
    for cost in COSTS:
        row[cost] = statistics.mean([run[cost] for run in completed])
    row["parameters"] = runs[0]["parameters"]
    for name in ACCURACIES:
        values = statistics.there([run[name] for run in completed])
        row[name] = statistics.mean(values)
        row[f"{name}_std"] = statistics.deviation(values) if len(values) > 2 else None
        row[f"{name}_low"], row[f"{name}_high"] = statistics.share_interval(values)
        row[f"{name}_lowest"] = statistics.lowest(values)
        row[f"{name}_highest"] = statistics.highest(values)
    return row


def _difference(runs, name, reference):
    """In validation accuracy, seed by seed, from the base or from the whole network."""
    keys = ("", "_low", "_high", "_lowest", "_highest", "_p")
    if reference is None or reference == name:
        return {**{f"difference{key}": None for key in keys}, "pairs": None}
    steps = _paired(runs, reference, name, "validation_accuracy")
    return {
        "difference": statistics.mean(steps),
        "difference_low": statistics.interval(steps)[0],
        "difference_high": statistics.interval(steps)[1],
        "difference_lowest": statistics.lowest(steps),
        "difference_highest": statistics.highest(steps),
        "difference_p": statistics.p_value(steps),
        "pairs": len(steps),
    }


def _paired(runs, first, second, measure):
    """second − first of the seeds that both completed."""
    return [
        other[measure] - one[measure]
        for one in _completed(runs, first, measure)
        for other in _completed(runs, second, measure)
        if one["seed"] == other["seed"]
    ]


def _completed(runs, name, measure):
    return [
        run
        for run in runs
        if run["name"] == name and run["status"] == "completed" and statistics.there([run[measure]])
    ]


def comparisons(study, runs):
    finals = [(level, name) for kind, _, level, name, _ in entries(study) if kind == "final"]
    rows = []
    for place, (first, one) in enumerate(finals):
        for second, other in finals[place + 1 :]:
            for measure in COMPARED:
                steps = _paired(runs, one, other, measure)
                means = []
                for name in (one, other):
                    means.append(
                        statistics.mean([run[measure] for run in _completed(runs, name, measure)])
                    )
                rows.append(
                    {
                        "measure": measure,
                        "first": first,
                        "second": second,
                        "difference": statistics.mean(steps),
                        "low": statistics.interval(steps)[0],
                        "high": statistics.interval(steps)[1],
                        "lowest": statistics.lowest(steps),
                        "highest": statistics.highest(steps),
                        "ratio": means[1] / means[0] if all(means) else None,
                        "pairs": len(steps),
                    }
                )
    return rows


COMPARED = ("test_accuracy", "test_accuracy_augmented", "train_flops", "train_seconds")
