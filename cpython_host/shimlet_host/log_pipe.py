"""The way of the log out of the process: finished lines wait for a thread that writes them, so
that a reader who stands still never stops the node.

In: log records, and texts that stand beside them. Out: lines on a descriptor, in order. When too
many wait the oldest are lost, so that the last words of a node are the last to go; a line says how
many in their place, and `lost` counts them. Nothing that is called here waits for a reader, but
for flush(), which has a limit. Made by logs.py.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from collections import deque
from collections.abc import Callable

QUEUED_BYTES = 1024 * 1024  # some 5,000 lines, beside the 64 KB that the pipe itself holds
FLUSH_S = 1.0  # at the end: who reads at all needs less, and nobody waits longer for a node


class LogPipe(logging.Handler):
    """Writes to `descriptor`; `lost_line` makes the line that says how many are missing."""

    def __init__(self, descriptor: int, lost_line: Callable[[int], str]) -> None:
        super().__init__()
        self.lost = 0  # lines that nobody will read
        self._descriptor = descriptor
        self._lost_line = lost_line
        self._lines: deque[bytes] = deque()
        self._bytes = 0  # of these lines
        self._writing = self._closed = False
        self._changed = threading.Condition()  # nobody holds it while something is written
        threading.Thread(target=self._write_all, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one record."""
        try:
            line = self.format(record)
        except Exception as error:
            line = f"A line of the log could not be made: {type(error).__name__}."
        self.say(line)

    def say(self, text: str) -> None:
        """Queue a text as it is."""
        line = f"{text}\n".encode(errors="backslashreplace")
        with self._changed:
            self._lines.append(line)
            self._bytes += len(line)
            while self._bytes > QUEUED_BYTES and len(self._lines) > 1:
                self._take()
                self.lost += 1
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all is written, or for FLUSH_S."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._lines or self._writing), FLUSH_S)

    def close(self) -> None:
        """Write what is queued and end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        super().close()

    def _take(self) -> bytes:
        """The oldest line."""
        line = self._lines.popleft()
        self._bytes -= len(line)
        return line

    # On the thread

    def _write_all(self) -> None:
        told = 0
        while (line := self._next()) is not None:
            lost = self.lost
            if lost > told and self._write(f"{self._lost_line(lost - told)}\n".encode()):
                told = lost
            if not self._write(line):
                with self._changed:
                    self.lost += 1

    def _next(self) -> bytes | None:
        """The next line once there is one, or None at the end."""
        with self._changed:
            self._writing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._lines or self._closed)
            self._writing = bool(self._lines)
            return self._take() if self._lines else None

    def _write(self, line: bytes) -> bool:
        """Whether it went out; this may take for ever."""
        left = memoryview(line)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # whoever shares the descriptor wants it so
                select.select([], [self._descriptor], [])
            except OSError:  # nobody will read it, or the disk is full
                return False
        return True
