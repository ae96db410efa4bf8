"""All that `python -m landscape bench` measures, into one file.

bench/bench.json   everything measured, raw samples included; the figure and the report read it
bench/speed.md     the table of the README
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from landscape.bench import ceilings, course, growth, sharing, speed, startup, table, workflow
from landscape.config.runs import Run
from landscape.config.study import Study
from landscape.data import dataset
from landscape.errors import UserError
from landscape.provenance import versions
from landscape.runtime import device as devices
from landscape.storage import files


def bench(study: Study, results: Path, threads: int | None, rounds: int, seconds: float) -> None:
    """Measure this study's training on this machine; `seconds` is about one turn of a contender."""
    device = devices.resolve(study.device)
    devices.prepare(device, "float32", threads)
    images = dataset.load(results / "data", "train")
    pairs = [(_first(study, "bands", name), _first(study, "probe", name)) for name in _both(study)]
    one = pairs[0][0]
    found: dict[str, Any] = {"machine": _machine(device)}
    parts: dict[str, Callable[[], Any]] = {
        "ceilings": lambda: _ceilings(device),
        "speed": lambda: [
            row
            for bands, probe in pairs
            for row in speed.race(bands, probe, images, device, rounds, seconds)
        ],
        "startup": lambda: startup.before_the_first_step(one, results),
        "help_seconds": startup.help_seconds,
        "sharing": lambda: sharing.sharing(one, results, device, 5 * seconds, _cores(threads)),
        "growth": lambda: growth.growth(one, results, _cores(threads)),
        "dry_runs": lambda: workflow.dry_runs(study),
        "stale_figure": lambda: workflow.stale_figure(study, results),
    }
    for part, measure in parts.items():
        print(f"bench: {part}", file=sys.stderr, flush=True)
        found[part] = measure()
    if device.type == "cuda":  # elsewhere it takes hours
        best = max(found["sharing"], key=lambda row: float(row["steps_per_second"]))
        parallel = best["runs"] if best["way"] == "processes" else 1
        found["course"] = course.course(study, results, parallel)
    files.write_json(results / "bench/bench.json", found)
    text = table.markdown(found)
    files.write_bytes(results / "bench/speed.md", text.encode())
    print(text)


def _both(study: Study) -> list[str]:
    names = [name for name in study.bands.architectures if name in study.probe.architectures]
    if not names:
        raise UserError("bench: bands.architectures and probe.architectures have none in common")
    return list(names)


def _first(study: Study, kind: str, architecture: str) -> Run:
    return next(
        run for run in study.runs if run.study == kind and run.architecture.name == architecture
    )


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
