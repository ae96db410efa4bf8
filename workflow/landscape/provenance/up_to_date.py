"""Whether a run is done: its files are there, of these settings and of this code."""

from pathlib import Path

from landscape.config.runs import PlainRun, Run
from landscape.errors import UserError
from landscape.provenance.run_fingerprint import training_code
from landscape.storage import files


def is_done(run: Run | PlainRun, results: Path) -> bool:
    try:
        done = files.read_json(results / run.id / "run.json")
    except UserError:
        return False
    if not isinstance(done, dict):
        return False
    settings, code = done.get("run"), done.get("code")
    return bool(settings == run.model_dump(mode="json") and code == training_code(run))
