"""The results of a benchmark, as the table of docs/speed.md."""

from typing import Any

import numpy as np

from landscape.bench import BANDS, PLAIN, PROBE

COLUMNS = (
    "",
    "precision",
    "steps/s",
    "× plain loop",
    "of the bare step",
    "measuring",
    "of the arithmetic",
)


def markdown(found: dict[str, Any]) -> str:
    """One row per contender: medians, with quartiles of the ratios."""
    said = section(found)
    lines = [said["machine"], ""]
    lines += ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in said["table"]["body"]]
    return "\n".join([*lines, "", *(f"- {line}" for line in said["lines"])]) + "\n"


def section(found: dict[str, Any]) -> dict[str, Any]:
    """The results as texts: the machine, a table of head and body, lines."""
    machine = found["machine"]
    body = [_row(row) for row in found["speed"]]
    return {
        "machine": f"On {machine['device']}, torch {machine['torch']}:",
        "table": {"head": list(COLUMNS), "body": body},
        "lines": _others(found),
    }


def _row(row: dict[str, Any]) -> list[str]:
    plain, measured = row["kind"] == PLAIN, row["kind"] in (BANDS, PROBE)
    return [
        f"{row['architecture']}, {row['kind']}",
        row["precision"],
        f"{row['steps_per_second']['median']:.3g}",
        "1" if plain else _spread(row["times_plain"], "{:.2f}"),
        _spread(row["share_of_bare"], "{:.0%}"),
        _spread(row["measuring_cost"], "{:+.1%}") if measured else "",
        f"{row['share_of_ceiling']:.0%}",
    ]


def _others(found: dict[str, Any]) -> list[str]:
    ceilings, starts = found["ceilings"], found["startup"]
    products = ", ".join(
        f"{value / 1e9:,.0f} GFLOP/s in {name.removesuffix('_flops_per_second')}"
        for name, value in ceilings.items()
        if name.endswith("flops_per_second")
    )
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in starts.items())
    plans = ", ".join(
        f"{row['runs']:,} runs {row['seconds']:.1f} s and {row['memory_mb']:,.0f} MB"
        for row in found["dry_runs"]
    )
    together = ", ".join(
        f"{row['runs']} {row['way']} {row['steps_per_second']:.3g}" for row in found["sharing"]
    )
    lines = [
        f"Ceilings: matrix products {products}; "
        f"copying {ceilings['copied_bytes_per_second'] / 1e9:.1f} GB/s.",
        f"Seconds of a job's start: {parts}. --help {found['help_seconds']:.2f} s.",
        f"Steps/s of runs at the same time: {together}.",
    ]
    if plans:
        lines.append(f"Dry runs: {plans}.")
    lines += [_sprint(row) for row in found.get("sprints", [])]
    if "course" in found:
        whole = found["course"]
        lines.append(
            f"The first seed of bands, {whole['runs']} runs, {whole['parallel']} at a time: "
            f"{whole['bands_seconds']:.0f} s; one run of probe: "
            f"{whole['probe_seconds']:.0f} s; start-up included."
        )
    lines += [_looking(row) for row in found.get("looking", [])]
    if found["stale_figure"]:
        lines.append(f"One stale figure: {found['stale_figure']['seconds']:.1f} s in all.")
    return lines


def _looking(row: dict[str, Any]) -> str:
    return (
        f"Inspecting the weights of {row['architecture']}, processor seconds on one thread: "
        f"{row['moment_seconds']:.1f} per moment, in total {row['share']:.0%} of the training; "
        f"{row['lambda_seconds']:.1f} for λ₁, in total {row['lambda_share']:.0%}. A training "
        f"step takes {row['step_seconds']:.3f}."
    )


def _sprint(row: dict[str, Any]) -> str:
    """Means over the seeds; for accuracies with their standard deviation."""
    training = np.add(row["start_seconds"], row["steps_seconds"])
    views = training + row["six_views_seconds"]
    once, six = (
        f"{100 * np.mean(row[name]):.2f} ± {100 * np.std(row[name]):.2f} %"
        for name in ("accuracy", "six_views_accuracy")
    )
    return (
        f"{row['network']}, {len(training)} runs of {training.mean():.2f} s (the slowest "
        f"{training.max():.2f}): {once} of the test images; in six views of them {six}, after "
        f"{views.mean():.2f} s with the evaluation of these."
    )


def _spread(values: dict[str, float], form: str) -> str:
    middle, low, high = (form.format(values[name]) for name in ("median", "low", "high"))
    return f"{middle} ({low} to {high})"
