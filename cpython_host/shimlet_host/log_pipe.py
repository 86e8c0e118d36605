"""The way of the log out of the process: finished lines wait for a thread that writes them, so
that a reader who stands still never stops the node.

In: log records, and texts that stand beside them. Out: lines on a descriptor, in order. What does
not fit in the queue is lost: a line says how many in their place once the reader goes on, and
`lost` counts them. Nothing that is called here waits, but for flush(), which has a limit. Made by
logs.py.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from collections.abc import Callable
from queue import SimpleQueue

QUEUED_BYTES = 1024 * 1024  # some 5,000 lines, beside the 64 KB that the pipe itself holds
FLUSH_S = 1.0  # at the end: who reads at all needs less, and nobody waits longer for a node

# A line and how many were lost before it; or whom to tell that all before has been written.
_Item = tuple[int, bytes] | threading.Event


class LogPipe(logging.Handler):
    """Writes to `descriptor`; `lost_line` makes the line that says how many are missing."""

    def __init__(self, descriptor: int, lost_line: Callable[[int], str]) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._lost_line = lost_line
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        # Each of these is changed in one place only: by say() under the handler's lock, or by the
        # thread. So neither has to wait for the other.
        self._put_bytes = self._left_out = 0
        self._done_bytes = self._failed = self._told = 0
        self._thread = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """How many lines nobody will read."""
        return self._left_out + self._failed

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
        self.acquire()
        waiting = self._put_bytes - self._done_bytes
        if waiting and waiting + len(line) > QUEUED_BYTES:
            self._left_out += 1
        else:
            self._put_bytes += len(line)
            self._queue.put((self._left_out, line))
        self.release()

    def flush(self) -> None:
        """Wait until all is written, or for FLUSH_S."""
        if self._thread.is_alive():
            written = threading.Event()
            self._queue.put(written)
            written.wait(FLUSH_S)

    def close(self) -> None:
        """Write what is queued and end; nothing can be said any more."""
        self._queue.put(None)
        super().close()

    # On the thread

    def _write_all(self) -> None:
        while True:
            if self._queue.empty():
                self._tell_lost(self._left_out)
            item = self._queue.get()
            if item is None:
                return
            if isinstance(item, threading.Event):
                self._tell_lost(self._left_out)
                item.set()
            else:
                self._tell_lost(item[0])
                self._failed += not self._write(item[1])
                self._done_bytes += len(item[1])

    def _tell_lost(self, left_out: int) -> None:
        """Say how many are missing here, if that was not said."""
        lost = left_out + self._failed
        if lost > self._told:
            line = self._lost_line(lost - self._told)
            if self._write(f"{line}\n".encode()):
                self._told = lost

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
