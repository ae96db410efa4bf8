"""The cost of Snakemake: planning a large study, and redrawing one stale figure."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

from landscape.bench.memory import peak_megabytes
from landscape.config.architectures import VggName
from landscape.config.study import Study

ROOT = Path(__file__).resolve().parents[3]
STUDIES = ((5, 4, 1), (5, 4, 10), (5, 20, 20))  # architectures, learning rates, seeds
FIGURE = "loss_landscape"
POLL_SECONDS = 0.02


def dry_runs(study: Study) -> list[dict[str, Any]]:
    """Seconds and memory of `snakemake --dry-run` for studies of increasing size.

    None without Snakemake, which the stages do not need.
    """
    rows: list[dict[str, Any]] = []
    if find_spec("snakemake") is None:
        return rows
    assert study.bands is not None
    for architectures, rates, seeds in STUDIES:
        bands = study.bands.model_copy(
            update={
                "architectures": get_args(VggName)[:architectures],
                "learning_rates": tuple(0.0001 * (1 + index) for index in range(rates)),
                "seeds": tuple(range(seeds)),
            }
        )
        large = study.model_copy(update={"bands": bands, "mechanism": None, "network": None})
        with tempfile.TemporaryDirectory() as folder:
            measured = _snakemake(large, Path(folder), ["--dry-run", "--quiet"])
        rows.append({"runs": architectures * rates * seeds, **measured})
    return rows


def stale_figure(study: Study, results: Path) -> dict[str, float] | None:
    """Seconds to redraw one figure of a complete study, in a copy; None if it is not complete.

    None also if the results are outside the working folder, because the copy needs them inside.
    """
    place = Path(study.results)
    if find_spec("snakemake") is None or not (results / "report.pdf").exists():
        return None
    if place.is_absolute() or ".." in place.parts:
        return None
    with tempfile.TemporaryDirectory(dir=results.parent) as folder:
        shutil.copytree(results, Path(folder) / study.results, copy_function=os.link)
        figure = f"{study.results}/figures/{FIGURE}.png"
        (Path(folder) / figure).unlink()
        return _snakemake(study, Path(folder), ["--cores", "2", "--quiet", "--", figure])


def _snakemake(study: Study, folder: Path, options: list[str]) -> dict[str, float]:
    """Run Snakemake on this study in its own folder: seconds and megabytes."""
    file = folder / "study.json"
    file.write_text(study.model_dump_json())
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--workflow-profile", "none", "--directory", str(folder), "--configfile", str(file)]
    started, peak = time.perf_counter(), 0.0
    with tempfile.TemporaryFile("w+") as said:
        child = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=said)
        while child.poll() is None:
            peak = max(peak, peak_megabytes(child.pid))
            time.sleep(POLL_SECONDS)
        seconds = time.perf_counter() - started
        if child.returncode:
            said.seek(0)
            raise RuntimeError(f"Snakemake failed: {said.read().strip().splitlines()[-1:]}")
    return {"seconds": seconds, "memory_mb": peak}
