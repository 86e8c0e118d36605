"""Virtual time: a heap of moments and of what happens then. Nothing sleeps.

In: functions with their arguments and the moment to call them. run_until() jumps from one to the
next. Two things of one moment happen in the order in which they were put in, so that a run can be
repeated. Called by everything in this package.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

UNIX_START = 1_800_000_000  # what the wall clocks show when a run begins


class Clock:
    """`now` is in seconds since the run began."""

    def __init__(self) -> None:
        self.now = 0.0
        self._queue: list[tuple[float, int, Callable[..., object], tuple[object, ...]]] = []
        self._count = 0

    def at(self, moment: float, action: Callable[..., object], *arguments: object) -> None:
        """Call action(*arguments) at this moment, or now if it has passed."""
        self._count += 1
        heapq.heappush(self._queue, (max(moment, self.now), self._count, action, arguments))

    def after(self, delay_s: float, action: Callable[..., object], *arguments: object) -> None:
        """Call action(*arguments) in so many seconds."""
        self.at(self.now + delay_s, action, *arguments)

    def run_until(self, end: float) -> None:
        """Let time pass."""
        queue = self._queue
        while queue and queue[0][0] <= end:
            self.now, _, action, arguments = heapq.heappop(queue)
            action(*arguments)
        self.now = max(end, self.now)
