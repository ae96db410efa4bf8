"""Everything that `python -m landscape bench` measures, in one file.

bench/parts.json   the parts measured so far, written after every part; removed at the end
bench/bench.json   everything measured, raw samples included; the figure and the report read it
bench/speed.md     the table of docs/speed.md
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from landscape.bench import (
    ceilings,
    course,
    growth,
    looking,
    sharing,
    speed,
    sprints,
    startup,
    table,
    workflow,
)
from landscape.config.study import Study
from landscape.data import dataset
from landscape.errors import UserError
from landscape.provenance import versions
from landscape.runtime import device as devices
from landscape.storage import files

HOURS_ON_A_CPU = ("sprints", "course")  # parts that are left out on a CPU unless requested


def bench(
    study: Study,
    results: Path,
    threads: int | None,
    rounds: int,
    seconds: float,
    wanted: Sequence[str] = (),
) -> None:
    """Measure this study's training on this machine; `seconds`: about one turn of a contender.

    Parts measured by an interrupted benchmark with the same machine and code are kept. With
    `wanted` only these parts are measured, again if necessary.
    """
    device = devices.resolve(study.device)
    devices.prepare(device, "float32", threads)
    images = dataset.load(results / "data", "train")
    both = _both(study)
    pairs = list(zip(study.first_runs("bands", both), study.first_runs("probe", both), strict=True))
    one = pairs[0][0]
    file, measured = results / "bench/bench.json", results / "bench/parts.json"
    found = _earlier(_machine(device), measured, *([file] if wanted else []))
    parts: dict[str, Callable[[], Any]] = {
        "ceilings": lambda: _ceilings(device),
        "speed": lambda: [
            row
            for bands, probe in pairs
            for row in speed.race(bands, probe, images, device, rounds, seconds)
        ],
        "looking": lambda: looking.looking(study, results, device),
        "startup": lambda: startup.before_the_first_step(one, results),
        "help_seconds": startup.help_seconds,
        "sharing": lambda: sharing.sharing(one, results, device, 5 * seconds, _cores(threads)),
        "growth": lambda: growth.growth(one, results, _cores(threads)),
        "dry_runs": lambda: workflow.dry_runs(study),
        "stale_figure": lambda: workflow.stale_figure(study, results),
        "sprints": lambda: sprints.sprints(study, results, device),
        "course": lambda: course.course(study, results, _parallel(found.get("sharing", []))),
    }
    if unknown := set(wanted) - set(parts):
        raise UserError(f"bench: {sorted(unknown)} are not parts; there are {', '.join(parts)}")
    due = [part for part in parts if device.type == "cuda" or part not in HOURS_ON_A_CPU]
    for part, measure in parts.items():
        if part in (wanted or due) and (wanted or part not in found):
            print(f"bench: {part}", file=sys.stderr, flush=True)
            found[part] = measure()
            files.write_json(measured, found)
    if missing := [part for part in due if part not in found]:
        print(f"bench: {measured} lacks {', '.join(missing)}", file=sys.stderr)
        return
    files.write_json(file, found)
    text = table.markdown(found)
    files.write_bytes(results / "bench/speed.md", text.encode())
    measured.unlink(missing_ok=True)
    print(text)


def _earlier(machine: dict[str, Any], *written: Path) -> dict[str, Any]:
    """The content of the first of these files from the same machine and code."""
    for path in written:
        content = files.read_json(path) if path.exists() else None
        if isinstance(content, dict) and content.get("machine") == machine:
            return content
    return {"machine": machine}


def _parallel(sharing_rows: list[dict[str, Any]]) -> int:
    """The number of simultaneous runs that were fastest together; 1 if not measured."""
    if not sharing_rows:
        return 1
    best = max(sharing_rows, key=lambda row: float(row["steps_per_second"]))
    return int(best["runs"]) if best["way"] == "processes" else 1


def _both(study: Study) -> list[str]:
    bands, probe = study.bands, study.probe
    if bands is None or probe is None:
        raise UserError("bench: needs both bands and probe, so neither may be null")
    names = [name for name in bands.architectures if name in probe.architectures]
    if not names:
        raise UserError("bench: bands.architectures and probe.architectures have none in common")
    return list(names)


def _cores(threads: int | None) -> int:
    return threads or os.cpu_count() or 1


def _machine(device: torch.device) -> dict[str, Any]:
    return {
        "device": devices.name(device),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        **versions.versions(),
        "git_commit": versions.git_commit(),
    }


def _ceilings(device: torch.device) -> dict[str, float]:
    flops: dict[str, float] = {
        f"{precision}_flops_per_second": ceilings.flops_per_second(device, precision)
        for precision in speed.precisions(device)
    }
    return {**flops, "copied_bytes_per_second": ceilings.bytes_per_second(device)}
