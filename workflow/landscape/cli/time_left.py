"""The remaining time of a study, from its finished and running runs."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import mean
from typing import NamedTuple

from landscape.cli.run_status import RunStatus


class TimeLeft(NamedTuple):
    """`seconds` until all runs have ended, `parallel` at a time, not counting `unknown` runs."""

    seconds: float
    parallel: int
    unknown: int


def time_left(statuses: Sequence[RunStatus]) -> TimeLeft:
    """Each remaining run takes the mean time of finished runs with the same `kind`."""
    taken = defaultdict(list)
    for status in statuses:
        if status.state == "done" and status.seconds is not None:
            taken[_kind(status.run)].append(status.seconds)
    work, unknown = 0.0, 0
    for status in statuses:
        kind = _kind(status.run)
        if status.state == "running" and status.seconds is not None:
            work += status.seconds
        elif status.state in ("stale", "waiting", "interrupted", "running"):
            work += mean(taken[kind]) if taken[kind] else 0.0
            unknown += not taken[kind]
    parallel = max(1, sum(status.state == "running" for status in statuses))
    return TimeLeft(work / parallel, parallel, unknown)


def _kind(run_id: str) -> str:
    """What runs of similar length share: study and architecture, or the sweep's factor.

    `bands/vgg_a`, `probe/vgg_a_bn`, `network/sweep/activation`, `network/final/fast`.
    """
    return "/".join(run_id.split("/")[: 3 if run_id.startswith("network/") else 2])
