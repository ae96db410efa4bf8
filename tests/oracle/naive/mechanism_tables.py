"""The tables of the mechanism study, from the files of its runs."""

import json
import math

from oracle.naive.statistics import interval, mean
from oracle.naive.training import table

GUESSING = math.log(10)  # nats, among ten classes
LEVELS = (2.0, 1.5, 1.0, 0.7, 0.5, 0.3, 0.2, 0.1)  # nats, at which networks are compared
ALONG = ("batch_sharpness", "lambda_1", "noise_scale", "kappa")
PREDICTIONS = {  # key: quantity, and which network's is below (or above) which
    "covariate_shift": ("shift_turn", "vgg_a_bn", "<", "vgg_a"),
    "smoothness": ("batch_sharpness", "vgg_a_bn", "<", "vgg_a"),
    "sharpness": ("lambda_1", "vgg_a_bn", "<", "vgg_a"),
    "start_helps": ("final_loss", "vgg_a_init", "<", "vgg_a"),
    "start_suffices": ("final_loss", "vgg_a_init", "<", "vgg_a_bn"),
    "statistics": ("final_loss", "vgg_a_bn", "<", "vgg_a_bn_frozen"),
    "scale_invariance": ("final_loss", "vgg_a_bn", "<", "vgg_a_bn_fixed_norm"),
    "less_noise": ("noise_scale", "vgg_a_bn", "<", "vgg_a"),
    "stability": ("final_loss", "vgg_a_bn_noise", "<", "vgg_a"),
    "larger_rates": ("largest_rate", "vgg_a_bn", ">", "vgg_a"),
    "only_larger_rates": ("final_loss_low", "vgg_a", "<", "vgg_a_bn"),
}


class Paths:
    """The runs below a results folder: their steps, and what was measured of their weights."""

    def __init__(self, results):
        self.steps, self.lost, self.looked, self.short, self.statuses = {}, set(), [], {}, {}
        for file in sorted((results / "mechanism").rglob("run.json")):
            facts = json.loads(file.read_text("utf-8"))
            name = facts["run"]["name"]
            arch = name.replace("range/", "").split("/")[0]
            key = (arch, facts["run"]["learning_rate"], facts["run"]["seed"])
            losses = {row["step"]: row["loss"] for row in table(file.parent, "steps.parquet")}
            if name.startswith("range/"):
                self.short[key], self.statuses[key] = losses, facts["status"]
                continue
            self.steps[key] = losses
            if facts["status"] == "diverged":
                self.lost.add(key)
            for row in table(file.parent, "mechanism.parquet"):
                self.looked.append({**row, "run": key})


def last_tenth(losses):
    """The mean of the losses in the last tenth of the steps that there are."""
    count = max(losses, default=-1) + 1
    return mean([loss for step, loss in losses.items() if 10 * step >= 9 * count])


def windows(paths):
    """losses.parquet: a hundred means over as many steps each, of the longest run."""
    count = 1 + max(step for losses in paths.steps.values() for step in losses)
    width, found = max(1, count // 100), []
    for (arch, rate, seed), losses in paths.steps.items():
        together = {}
        for step, loss in losses.items():
            together.setdefault(step - step % width, []).append(loss)
        for step, values in together.items():
            row = {"arch": arch, "learning_rate": rate, "seed": seed, "step": step}
            found.append({**row, "loss": mean(values)})
    return found


def trainable(paths):
    """range.csv: which short runs got 5 % below guessing."""
    found = []
    for key, losses in paths.short.items():
        arch, rate, seed = key
        loss = None if paths.statuses[key] == "diverged" else last_tenth(losses)
        row = {"arch": arch, "learning_rate": rate, "seed": seed, "status": paths.statuses[key]}
        trained = loss is not None and loss < 0.95 * GUESSING
        found.append({**row, "final_loss": loss, "trained": trained})
    return found


def along(paths):
    """{(run, quantity): [(step, loss, value)]} of whole networks, in order of the steps."""
    found, turned = {}, {}
    for row in paths.looked:
        key, moment = row["run"], (row["step"], row["loss"])
        if row["quantity"] in ALONG:
            found.setdefault((key, row["quantity"]), []).append((*moment, row["value"]))
        if row["quantity"] == "shift_cosine" and row["layer"] != "features.0":
            turned.setdefault((key, moment), []).append(row["value"])
    for (key, moment), cosines in turned.items():
        found.setdefault((key, "shift_turn"), []).append((*moment, 1 - mean(cosines)))
    return {key: sorted(rows) for key, rows in found.items()}


def equal_loss(paths):
    """equal_loss.csv: values where the loss first falls through a level, log-linear between."""
    found = []
    for ((arch, rate, seed), quantity), rows in along(paths).items():
        rows = [row for row in rows if row[2] > 0]
        for level in LEVELS:
            for (step, loss, value), (then, lower, after) in zip(rows, rows[1:], strict=False):
                if lower < level <= loss:
                    way = math.log(loss / level) / math.log(loss / lower)
                    row = {"arch": arch, "learning_rate": rate, "seed": seed}
                    row |= {"quantity": quantity, "loss": level}
                    row["step"] = step + way * (then - step)
                    row["value"] = value * (after / value) ** way
                    found.append(row)
                    break
    return found


def scalars(paths, settings):
    """{quantity: {(arch, seed): value}}, ∞ of what diverged; summary.csv."""
    rate, low = settings["learning_rate"], settings["slower"]["learning_rate"]
    found = {}
    for ((arch, at, seed), quantity), rows in along(paths).items():
        logs = [
            math.log(value)
            for step, loss, value in rows
            if 10 * step >= settings["steps"] and loss < 0.95 * GUESSING and value > 0
        ]
        if at == rate and logs:
            found.setdefault(quantity, {})[arch, seed] = math.exp(mean(logs))
    for name, at in (("final_loss", rate), ("final_loss_low", low)):
        found[name] = {
            (arch, seed): math.inf if (arch, of, seed) in paths.lost else last_tenth(losses)
            for (arch, of, seed), losses in paths.steps.items()
            if of == at
        }
    good = [row for row in trainable(paths) if row["trained"]]
    for arch, seed in {(row["arch"], row["seed"]) for row in good}:
        mine = [row for row in good if (row["arch"], row["seed"]) == (arch, seed)]
        best = min(mine, key=lambda row: row["final_loss"])
        found.setdefault("best_rate", {})[arch, seed] = best["learning_rate"]
        largest = max(row["learning_rate"] for row in mine)
        found.setdefault("largest_rate", {})[arch, seed] = largest
    return found


def summary(numbers):
    return [
        {
            "quantity": quantity,
            "arch": arch,
            "seed": seed,
            "value": None if math.isinf(value) else value,
            "diverged": math.isinf(value),
        }
        for quantity, values in numbers.items()
        for (arch, seed), value in values.items()
    ]


def verdicts(numbers, equal):
    """verdicts.csv without its words, by key."""
    found = {}
    for key, (quantity, first, relation, second) in PREDICTIONS.items():
        values = {
            arch: {seed: v for (name, seed), v in numbers[quantity].items() if name == arch}
            for arch in (first, second)
        }
        both = [seed for seed in values[first] if seed in values[second]]
        pairs = [(values[first][seed], values[second][seed]) for seed in both]
        row = {"quantity": quantity, "first": first, "relation": relation, "second": second}
        for place, arch in (("first", first), ("second", second)):
            finite = [math.log(v) for v in values[arch].values() if not math.isinf(v)]
            row[f"value_{place}"] = math.exp(mean(finite)) if finite else None
            row[f"diverged_{place}"] = sum(math.isinf(v) for v in values[arch].values())
        row |= judged(pairs, relation)
        there = {}
        for one in equal:
            if one["quantity"] == quantity and one["arch"] in (first, second):
                there.setdefault((one["seed"], one["loss"]), {})[one["arch"]] = one["value"]
        by_seed = {}
        for (seed, _), of in there.items():
            if len(of) == 2:
                by_seed.setdefault(seed, []).append(math.log(of[first] / of[second]))
        ratios = [(math.exp(mean(logs)), 1.0) for logs in by_seed.values()]
        row |= {f"equal_loss_{name}": v for name, v in judged(ratios, relation).items()}
        found[key] = row
    return found


def judged(pairs, relation):
    """Of (first, second) of each seed: the ratio with its interval, and what follows from it."""
    pairs = [pair for pair in pairs if not all(map(math.isinf, pair))]
    row = {"ratio": None, "ratio_low": None, "ratio_high": None, "seeds": len(pairs)}
    if not pairs:
        return {**row, "verdict": "not measured"}
    if any(math.isinf(value) for pair in pairs for value in pair):
        below, above = all(a < b for a, b in pairs), all(a > b for a, b in pairs)
        decided = len(pairs) >= 3 and (below or above)
    else:
        logs = [math.log(a / b) for a, b in pairs]
        low, high = interval(logs)
        row["ratio"] = math.exp(mean(logs))
        if low is not None:
            row |= {"ratio_low": math.exp(low), "ratio_high": math.exp(high)}
        below, above = high is not None and high < 0, low is not None and low > 0
        decided = below or above
    if not decided:
        return {**row, "verdict": "not decided"}
    return {**row, "verdict": "supported" if below == (relation == "<") else "contradicted"}
