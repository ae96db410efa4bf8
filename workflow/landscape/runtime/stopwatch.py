"""A stopwatch that keeps its count over interruptions."""

import time


class Stopwatch:
    """Seconds spent training and measuring, over interruptions; without evaluating and saving."""

    def __init__(self) -> None:
        self._before = 0.0
        self._started: float | None = None

    @property
    def seconds(self) -> float:
        return self._before + (time.monotonic() - self._started if self._started else 0.0)

    @seconds.setter
    def seconds(self, value: float) -> None:
        self._before = value

    def start(self) -> None:
        self._started = time.monotonic()

    def stop(self) -> None:
        self._before, self._started = self.seconds, None
