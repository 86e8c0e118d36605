"""How sure a rate is that was seen in a few runs: Wilson's interval.

Called by experiments.py and by tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

_Z = 1.959964  # 95 %


@dataclass(frozen=True)
class Rate:
    """`successes` of `runs`."""

    successes: int
    runs: int

    @property
    def interval(self) -> tuple[float, float]:
        """Between which shares the true one lies, with a confidence of 95 %."""
        runs, share = self.runs, self.successes / self.runs
        middle = share + _Z * _Z / (2 * runs)
        spread = _Z * sqrt(share * (1 - share) / runs + _Z * _Z / (4 * runs * runs))
        whole = 1 + _Z * _Z / runs
        return max(0.0, (middle - spread) / whole), min(1.0, (middle + spread) / whole)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.successes} of {self.runs} ({low:.0%} to {high:.0%})"
