"""The last lines of what happened on this board, kept in RAM in a ring that never grows.

In go lines, out comes the list of them with their age. Called by node.py and, through the serial
line, by whoever asks.
"""

import io
import sys

from shimlet_light.clock import Uptime

MAX_LINES = 20
MAX_LINE = 96  # characters; a longer line is cut
_TRACE_LINES = 6


class Log:
    """The newest MAX_LINES lines. One that repeats the line before is counted, not stored."""

    def __init__(self) -> None:
        self.uptime = Uptime()
        self.count = 0  # of all lines ever, repeated ones too: the number of the last
        self._lines: list[list] = []  # [uptime in s, text, how often]

    def add(self, text: str) -> None:
        """Note a line."""
        text = text[:MAX_LINE]
        self.count += 1
        last = self._lines[-1] if self._lines else None
        if last is not None and last[1] == text:
            last[0] = self.uptime.seconds()
            last[2] += 1
            return
        if len(self._lines) >= MAX_LINES:
            self._lines.pop(0)
        self._lines.append([self.uptime.seconds(), text, 1])

    def add_exception(self, what: str, error: BaseException) -> None:
        """Note a fault with the end of its traceback."""
        out = io.StringIO()
        sys.print_exception(error, out)
        lines = out.getvalue().strip().split("\n")
        self.add(f"{what}: {lines[-1]}")
        for line in lines[:-1][1 - _TRACE_LINES :]:
            self.add(" " + line)

    def lines(self, since: int = 0) -> "list[list]":
        """[seconds ago, text, how often] of those that came after line number `since`, oldest
        first.
        """
        now = self.uptime.seconds()
        number = self.count
        first = len(self._lines)
        while first > 0 and number > since:
            first -= 1
            number -= self._lines[first][2]
        return [[now - when, text, count] for when, text, count in self._lines[first:]]
