"""All runs of a study in one live table, which Snakemake does not show."""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from landscape.cli.run_status import ENDED, STATES, RunStatus, read_status
from landscape.cli.studies import others
from landscape.cli.time_left import time_left
from landscape.config.study import Study
from landscape.notation.units import about
from landscape.tables.tuning import TUNING, runs_in
from landscape.training.progress import seconds_text

REFRESH_SECONDS = 1.0
FRAME = 8  # lines of the screen that do not show runs
STYLES = {"running": "cyan", "done": "green", "diverged": "magenta"}
STYLES |= dict.fromkeys(("interrupted", "stale"), "yellow")
HEAD = ("run", "state", "steps", "loss", "accuracy", "time")
GAP = 2  # characters between columns
SHORTEST = 20  # characters of a run's name, however narrow the screen


def show(study: Study, results: Path, once: bool) -> None:
    """Show the table until every run has ended, or once."""
    console = Console(highlight=False)
    runs, chosen = runs_in(results, study), (results / TUNING).exists()
    if once or not console.is_terminal:
        console.print(screen([read_status(run, results) for run in runs], results, console.width))
        return
    with Live(console=console, refresh_per_second=2) as live:
        while True:
            if not chosen and (results / TUNING).exists():
                runs, chosen = runs_in(results, study), True
            statuses = [read_status(run, results) for run in runs]
            live.update(screen(statuses, results, console.width, console.height - FRAME))
            if all(status.state in ENDED for status in statuses):
                return
            time.sleep(REFRESH_SECONDS)


def screen(
    statuses: Sequence[RunStatus], results: Path, width: int, rows: int | None = None
) -> Group:
    """The table of all runs, or of the `rows` most important ones, with totals."""
    shown = list(statuses)
    if rows is not None and len(shown) > rows:
        shown = sorted(shown, key=lambda status: STATES.index(status.state))[: max(1, rows)]
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False)
    for column in HEAD:
        right = column not in ("run", "state")
        table.add_column(column, justify="right" if right else "left", no_wrap=True)
    texts = [_cells(status) for status in shown]
    widths = [max(map(len, column)) for column in zip(HEAD, *texts, strict=True)]
    room = max(SHORTEST, width - sum(widths[1:]) - GAP * len(HEAD))
    for name, state, *numbers in texts:
        style = STYLES.get(state, "dim")
        table.add_row(shortened(name, room), f"[{style}]{state}[/]", *numbers)
    lines = [summary(statuses)]
    if len(shown) < len(statuses):
        lines.insert(0, f"… and {len(statuses) - len(shown)} more runs")
    if any(status.state == "stale" for status in statuses):
        lines.append("stale: finished with other settings or code; it will be trained again.")
    lines.append(
        "loss: of the last mini-batch. accuracy: on the test images, v: on the validation images. "
        "time: remaining, or used if the run has ended."
    )
    if all(status.state == "waiting" for status in statuses) and (named := others(results)):
        lines.append(f"No run of this configuration has started in {results}.{named}")
    return Group(table, *lines)


def summary(statuses: Sequence[RunStatus]) -> str:
    """How many runs are in each state, and how long the others take."""
    counts = Counter(status.state for status in statuses)
    total = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    said = f"{len(statuses)} runs: {total}."
    left = time_left(statuses)
    if left.seconds:
        side_by_side = f" with {left.parallel} at a time" if left.parallel > 1 else ""
        said += f" About {about(left.seconds)} left{side_by_side}"
        said += f", not counting {left.unknown} of an unknown length." if left.unknown else "."
    elif left.unknown:
        said += " The remaining time is known once a run is done; `landscape estimate` measures it."
    return said


def _cells(status: RunStatus) -> tuple[str, ...]:
    """A run's line of the table, as plain texts."""
    accuracy = "" if status.accuracy is None else f"{100 * status.accuracy:.2f} %"
    return (
        status.run,
        status.state,
        "" if status.step is None else f"{100 * status.step // (status.steps or 1)} %",
        "" if status.loss is None else f"{status.loss:#.3g}",
        f"v {accuracy}" if accuracy and not status.tested else accuracy,
        "" if status.seconds is None else seconds_text(status.seconds),
    )


def shortened(name: str, width: int) -> str:
    """A name cut in the middle to fit, because its beginning and end identify it."""
    if len(name) <= width:
        return name
    end = width * 4 // 5
    return f"{name[: width - 1 - end]}…{name[-end:]}"
