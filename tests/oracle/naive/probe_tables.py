"""The tables of the probe study, from the files of its runs."""

from oracle.naive.statistics import there
from oracle.naive.tables import averages, grouped, late, whole

ALONG = ("loss", "gradient_distance", "gradient_cosine", "beta")


def probe_series(bands, probe, steps):
    length = max(row["step"] for row in steps) + 1
    spread, far, steep, turned, curved = ({} for _ in range(5))
    for measure, into, what in (
        ("loss", spread, lambda row: row["maximum"] - row["minimum"] if row["runs"] > 1 else None),
        ("gradient_distance", far, lambda row: row["maximum"]),
        ("beta", steep, lambda row: row["maximum"]),
        ("gradient_cosine", turned, lambda row: 1 - row["minimum"]),
    ):
        for row in whole(bands, measure):
            into[row["arch"], row["seed"], row["step"]] = what(row)
    for row in probe:
        curved[row["arch"], row["seed"], row["step"]] = row["hg_over_g"]
    series = {"loss_range_mean": spread, "loss_range_late": late(spread, length)}
    series |= {"gradient_distance_mean": far, "gradient_distance_late": late(far, length)}
    series |= {"cosine_distance_mean": turned}
    series |= {"beta_maximum_mean": steep, "beta_maximum_late": late(steep, length)}
    series |= {"curvature_mean": curved}
    for size in sorted({row["relative_step_size"] for row in probe}):
        betas = series[f"beta_at_{float(size)}"] = {}
        left = series[f"gradient_left_at_{float(size)}"] = {}
        for row in probe:
            if row["relative_step_size"] == size:
                key = (row["arch"], row["seed"], row["step"])
                betas[key] = row["beta"]
                left[key] = row["gradient_norm_there"] / row["gradient_norm"]
    return series


def probe_values(runs, series, steps):
    found = {}
    for name in ("loss_range", "gradient_distance", "beta_maximum"):
        first = {key[:2]: v for key, v in series[f"{name}_mean"].items() if key[2] == 0}
        if first:
            found[f"{name}_first"] = {pair: first.get(pair) for pair in runs.pairs()}
    found |= averages(series, runs)
    length = max(row["step"] for row in steps) + 1
    losses = {(row["arch"], row["seed"], row["step"]): row["loss"] for row in steps}
    found["final_loss"] = averages({"x": late(losses, length)}, runs)["x"]
    accuracies = {(arch, seed): f["test_accuracy"] for (arch, _, seed), f in runs.facts.items()}
    return {**found, "test_accuracy": accuracies}


def by_step_size(probe):
    rows = [row for row in probe if there([row["loss"]])]
    plain = ("beta", "hg_over_g", "kappa", "relu_flips", "pool_flips")
    columns = {name: lambda row, name=name: row[name] for name in plain}
    columns["gradient_left"] = lambda row: row["gradient_norm_there"] / row["gradient_norm"]
    columns["smooth_share"] = lambda row: row["smooth_distance"] / row["gradient_distance"]
    columns["rest_share"] = lambda row: row["rest_distance"] / row["gradient_distance"]
    return grouped(rows, ("arch", "relative_step_size", "seed"), columns)
