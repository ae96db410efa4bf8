"""What a benchmark found, as the README's table."""

from typing import Any

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
    """One row per contender, medians with the quartiles of what a reader compares by."""
    machine = found["machine"]
    lines = [f"On {machine['device']}, torch {machine['torch']}:", ""]
    lines += ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    for row in found["speed"]:
        plain = row["kind"] == "plain loop"
        measured = row["kind"] in ("bands", "probe")
        cells = [
            f"{row['architecture']}, {row['kind']}",
            row["precision"],
            f"{row['steps_per_second']['median']:.3g}",
            "1" if plain else _spread(row["times_plain"], "{:.2f}"),
            _spread(row["share_of_bare"], "{:.0%}"),
            _spread(row["measuring_cost"], "{:+.1%}") if measured else "",
            f"{row['share_of_ceiling']:.0%}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *_others(found)]) + "\n"


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
        f"- Ceilings: matrix products {products}; "
        f"copying {ceilings['copied_bytes_per_second'] / 1e9:.1f} GB/s.",
        f"- Seconds of a job's start: {parts}. `--help` {found['help_seconds']:.2f} s.",
        f"- Steps/s of runs side by side: {together}.",
        f"- Dry runs: {plans}.",
    ]
    if found["stale_figure"]:
        lines.append(f"- One stale figure: {found['stale_figure']['seconds']:.1f} s in all.")
    return lines


def _spread(values: dict[str, float], form: str) -> str:
    middle, low, high = (form.format(values[name]) for name in ("median", "low", "high"))
    return f"{middle} ({low} to {high})"
