"""Before a study starts: how many runs remain, how long they take, how to reduce them."""

import sys
import textwrap
from collections.abc import Collection, Sequence
from pathlib import Path

from landscape import STARTED
from landscape.cli.costs import Costs, Counts
from landscape.cli.studies import DATA, prepared_images
from landscape.config.images import require_images
from landscape.config.runs import PlainRun, Run
from landscape.config.study import Study
from landscape.errors import UserError
from landscape.figures.registry import FIGURES
from landscape.figures.selection import wanted
from landscape.notation.units import about
from landscape.provenance.up_to_date import is_done
from landscape.storage import files
from landscape.tables.tuning import runs_in

CIFAR_10, DEMO = Counts(50_000, 10_000), Counts(4_000, 1_000)  # before the data are prepared
LONG_SECONDS = 600
FOR_LESS = (
    "To shorten it, set in config.yaml or in a file given with --configfile: split.train_images, "
    "bands.epochs and width, probe.steps and width, fewer learning_rates and seeds, "
    "network.split.train_images, network.base.epochs; or leave out a study with bands: null, "
    "probe: null or network: null."
)
COLUMNS = 79  # characters of the narrowest terminal


def announce(
    study: Study,
    results: Path,
    threads: int | None,
    parallel: int,
    planned: Collection[str] | None = None,
    begun: float = STARTED,
) -> None:
    """Print the number of remaining runs, and the time of these and of the jobs after them.

    The remaining runs are those with these names, or all that are not done. A run that needs more
    images than there are is refused. For the network of plain tensors and for the jobs after
    training, only the starts are counted.
    """
    runs = runs_in(results, study)
    finished = [run for run in runs if is_done(run, results)]
    if planned is None:
        waiting = [run for run in runs if run not in finished]
    else:
        waiting = [run for run in runs if run.id in planned]
    if not waiting:
        return
    files.require_writable(results)
    images = prepared_images(results)
    if images is not None:
        require_images(waiting, images)
    costs = Costs(finished, results, threads, _counts(study, results), begun)
    training = costs.training(waiting)
    jobs = len(waiting) + following(study, waiting)
    seconds = in_all(training, costs.start(), jobs, parallel)
    origin = "a few timed steps" if costs.timed else "finished runs"
    print(
        f"{len(waiting)} of {len(runs)} runs remain: about {about(seconds)} on this machine, "
        f"by {origin}.",
        file=sys.stderr,
    )
    if seconds > LONG_SECONDS:
        print(textwrap.fill(FOR_LESS, COLUMNS), file=sys.stderr)
        print("Ctrl-C stops now or later; the same command resumes.", file=sys.stderr)


def _counts(study: Study, results: Path) -> Counts:
    try:
        said = files.read_json(results / DATA)
        return Counts(int(said["train_images"]), int(said["test_images"]))
    except (UserError, KeyError, TypeError, ValueError):
        return DEMO if study.data.source == "demo" else CIFAR_10


def in_all(training: float, start: float, jobs: int, parallel: int) -> float:
    """Seconds of all jobs, this many at the same time; the report waits for all others."""
    return (training + start * (jobs - 1)) / parallel + start


def following(study: Study, waiting: Sequence[Run | PlainRun]) -> int:
    """The jobs after these runs: tables, tuning, inspection, figures, report."""
    parts = {run.study for run in waiting}
    figures = sum(FIGURES[name].study in parts for name in wanted(study))
    paths = study.mechanism.path_ids if study.mechanism else ()
    looks = sum(run.id in paths for run in waiting)
    networks = 1 + 2 * (study.inspected is not None) if "network" in parts else 0
    choices = bool(study.network and study.network.is_tuned and "network" in parts)
    return len(parts) + figures + looks + networks + choices + 1
