"""The answers of a measuring process."""

import queue
from collections.abc import Collection
from multiprocessing.process import BaseProcess
from typing import Any

from landscape.errors import UserError

POLL_SECONDS = 0.5


def answer(answers: Any, processes: Collection[BaseProcess]) -> Any:
    """The next thing in the queue `answers`; an error if one of its writers has died."""
    while True:
        try:
            return answers.get(timeout=POLL_SECONDS)
        except queue.Empty:
            died = [process.exitcode for process in processes if process.exitcode]
        if died:
            for process in processes:
                process.kill()
            raise UserError(
                f"bench: a measuring process ended with exit code {died[0]}"
                + (" (killed: out of memory?)" if died[0] < 0 else "")
            )
