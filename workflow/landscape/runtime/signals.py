"""Stop requests: a job stops at a point at which nothing is lost."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """Whether SIGTERM or Ctrl-C has arrived; `exit_code` is the shell's code for the signal."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __bool__(self) -> bool:
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        return 128 + (self.signal or 0)

    def _set(self, number: int, frame: FrameType | None) -> None:
        self.signal = number


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Inside the block, SIGTERM and SIGINT are only recorded."""
    request = StopRequest()
    handlers = {
        number: signal.signal(number, request._set) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield request
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
