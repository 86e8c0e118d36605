"""What is to be done later: a heap of moments and functions, run when their time has come.

Time is an argument and a float of seconds on a monotonic clock. A cancelled timer stays in the
heap until its moment passes, or until the heap is half full of such; so every operation costs a
logarithm of the number of timers. Called by everything in this package that waits.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

_SWEEP_AT = 64  # cancelled timers below this number are not worth a sweep


class Timer:
    """One moment; `cancel()` forgets what it was for."""

    __slots__ = ("action", "at", "timers")

    def __init__(self, timers: Timers, at: float, action: Callable[[], None]) -> None:
        self.timers = timers
        self.at = at
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Do nothing when the moment comes."""
        if self.action is not None:
            self.action = None
            self.timers.cancelled()


class Timers:
    """All timers of one node."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._made = 0
        self._cancelled = 0

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled

    def at(self, moment: float, action: Callable[[], None]) -> Timer:
        """Call `action` once `moment` has come."""
        timer = Timer(self, moment, action)
        self._made += 1  # two timers of one moment run in the order in which they were made
        heapq.heappush(self._heap, (moment, self._made, timer))
        return timer

    def next(self) -> float | None:
        """The earliest moment that anything waits for, None if nothing does."""
        while self._heap and self._heap[0][2].action is None:
            heapq.heappop(self._heap)
            self._cancelled -= 1
        return self._heap[0][0] if self._heap else None

    def run(self, now: float) -> None:
        """Do all that is due; what is set meanwhile for a moment passed is done in the same go."""
        while (moment := self.next()) is not None and moment <= now:
            timer = heapq.heappop(self._heap)[2]
            action, timer.action = timer.action, None
            if action is not None:
                action()

    def cancelled(self) -> None:
        """Called by a timer that was cancelled."""
        self._cancelled += 1
        if self._cancelled > _SWEEP_AT and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].action is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0
