"""Whether a run is done, with these settings and this code, and has all its files."""

from pathlib import Path

from landscape.config.runs import PlainRun, Run
from landscape.errors import UserError
from landscape.provenance.run_fingerprint import training_code
from landscape.storage import files


def is_done(run: Run | PlainRun, results: Path) -> bool:
    """Whether a run with these settings and this code has ended."""
    try:
        done = files.read_json(results / run.id / "run.json")
    except UserError:
        return False
    if not isinstance(done, dict):
        return False
    settings, code = done.get("run"), done.get("code")
    return bool(settings == run.model_dump(mode="json") and code == training_code(run))


def is_whole(run: Run | PlainRun, results: Path) -> bool:
    """Whether it is done on the currently prepared images, and its files are as recorded."""
    if not is_done(run, results):
        return False
    done = files.read_json(results / run.id / "run.json")
    try:
        data = files.read_json(results / "data" / "dataset.json")["sha256"]
        for name in done["files"]:
            files.require_recorded(results / run.id / name, done)
    except (UserError, KeyError, TypeError):
        return False
    return bool(done.get("data") == data)
