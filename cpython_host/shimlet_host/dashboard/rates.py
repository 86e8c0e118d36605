"""How many messages came and went, over the last minutes.

In: counted messages with their unix time. Out: messages per second for each interval, oldest
first. Bounded by the number of intervals. Used by watch.py.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

INTERVAL_S = 10
INTERVALS = 60  # ten minutes: a chart of 600 pixels shows that many bars apart


class Rate(NamedTuple):
    """Messages per second in the interval that began at this unix time."""

    since: int
    received: float
    published: float


class Rates:
    """Counts by intervals."""

    def __init__(self) -> None:
        self._counts: deque[list[int]] = deque(maxlen=INTERVALS)  # [number, received, published]

    def add(self, when: float, *, own: bool, count: int = 1) -> None:
        """Count messages at a time not before that of the call before; older ones are left out."""
        number = int(when // INTERVAL_S)
        if not self._counts or number > self._counts[-1][0]:
            self._counts.append([number, 0, 0])
        if number == self._counts[-1][0]:
            self._counts[-1][2 if own else 1] += count

    def rows(self, now: float) -> list[Rate]:
        """One for each of the last INTERVALS; the last of them is not over yet."""
        last = int(now // INTERVAL_S)
        counts = {number: (received, own) for number, received, own in self._counts}
        return [
            Rate(
                number * INTERVAL_S, *(count / INTERVAL_S for count in counts.get(number, (0, 0)))
            )
            for number in range(last - INTERVALS + 1, last + 1)
        ]
