"""All runs as JSON lines, one object per line, for trackers and scripts."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from landscape.export.runs import FinishedRun, finished_runs, measures, metrics, settings
from landscape.storage.files import atomic_file


def export_json_lines(results: Path, target: Path) -> int:
    """Write `target`; returns the number of runs.

    `kind` is "run" (settings and results), "step" or "epoch"; each line has `run`.
    """
    runs = 0
    with atomic_file(target) as file:
        for run in finished_runs(results):
            runs += 1
            for line in _lines(run):
                file.write((json.dumps(line, ensure_ascii=False) + "\n").encode())
    return runs


def _lines(run: FinishedRun) -> Iterator[dict[str, Any]]:
    named = {"run": run.id, "status": run.record["status"]}
    yield {"kind": "run", **named, "settings": settings(run.record), **metrics(run.record)}
    for kind, table in (("step", run.steps), ("epoch", run.epochs)):
        columns = [kind, *measures(table, kind)]
        for row in table[columns].to_dict("records"):
            known = {
                str(name): value for name, value in row.items() if value == value
            }  # NaN is not
            yield {"kind": kind, "run": run.id, **known}
