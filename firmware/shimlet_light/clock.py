"""The board's clocks: a monotonic one in milliseconds, and unix time once somebody has set it.

Called by net.py, log.py and node.py. MicroPython counts time.time() from 1970 on some ports and
from 2000 on others; which, its own gmtime(0) tells.
"""

import time

from shimlet.ticks import after, since

_TICKS_MASK = (1 << 30) - 1
_EPOCH_OFFSET_S = 946684800 if time.gmtime(0)[0] == 2000 else 0
_FIRST_YEAR = 2024  # an earlier one means that nobody has set the clock since the board started


def now() -> int:
    """Milliseconds as shimlet.ticks wants them: monotonic, wrapping at 2**30."""
    return time.ticks_ms() & _TICKS_MASK


def unix_time() -> int:
    """Whole unix seconds; 0 while the clock is not set."""
    seconds = time.time()
    if time.gmtime(seconds)[0] < _FIRST_YEAR:
        return 0
    return int(seconds) + _EPOCH_OFFSET_S


class Uptime:
    """Seconds since it was made; ask at least once in six days, as the ticks wrap."""

    def __init__(self) -> None:
        self._last = now()
        self._seconds = 0

    def seconds(self) -> int:
        """Whole seconds."""
        passed_s = since(now(), self._last) // 1000
        if passed_s > 0:
            self._seconds += passed_s
            self._last = after(self._last, passed_s * 1000)
        return self._seconds
