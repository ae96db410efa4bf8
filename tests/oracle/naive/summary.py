"""Rows of summary.csv: one for each headline number."""

from oracle.naive.statistics import (
    block_bootstrap,
    geometric,
    highest,
    interval,
    lowest,
    mean,
    share_interval,
    there,
)

SHARES = ("test_accuracy", "test_accuracy_best", "test_accuracy_worst")


def summary(values, architectures, series):
    """From {measure: {(arch, seed): value}}."""
    rows = []
    for measure, by_pair in values.items():
        by_arch = {arch: {} for arch in architectures}
        for (arch, seed), value in by_pair.items():
            by_arch[arch][seed] = value
        everything = there(list(by_pair.values()))
        positive = all(value > 0 for value in everything)
        row, counts = {"measure": measure}, []
        for arch, by_seed in by_arch.items():
            those = list(by_seed.values())
            if measure in SHARES:
                found = mean(those), *share_interval(those)
            elif measure == "diverged_runs" or not positive:
                found = mean(those), *interval(those)
            else:
                found = geometric(those)
            row |= _cells(arch, found, those)
            counts.append(len(there(those)))
        if len(architectures) > 1:
            first, second = (by_arch[arch] for arch in architectures[:2])
            ratios = []
            for seed in first:
                pair = there([first[seed], second.get(seed)])
                if len(pair) == 2 and positive:
                    ratios.append(pair[1] / pair[0])
            row |= _cells("ratio", geometric(ratios), ratios)
            within = None, None
            if 0 < len(ratios) < 3 and measure in series:
                within = block_bootstrap(_pairs(series[measure], architectures))
            row |= {"ratio_within_low": within[0], "ratio_within_high": within[1]}
        row["seeds"] = min((count for count in counts if count), default=0)
        rows.append(row)
    return rows


def _cells(name, found, values):
    return {
        name: found[0],
        f"{name}_low": found[1],
        f"{name}_high": found[2],
        f"{name}_lowest": lowest(values),
        f"{name}_highest": highest(values),
    }


def _pairs(series, architectures):
    """For each seed the two architectures' values at the steps where both have one."""
    found = []
    for seed in sorted({seed for _, seed, _ in series}):
        steps = sorted({step for _, other, step in series if other == seed})
        pairs = [[series.get((arch, seed, step)) for arch in architectures[:2]] for step in steps]
        found.append([tuple(pair) for pair in pairs if len(there(pair)) == 2])
    return found
