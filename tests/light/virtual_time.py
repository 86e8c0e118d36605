"""Virtual time for a whole node: what it waits for passes at once, real sockets keep working.

`run_virtually(test)` is board_parts.run() with this clock. It stands still while tasks run; when
all of them wait and no socket is ready, it goes on by the rest of the wait. (It begins at the real
time, because MicroPython's task queue takes that for tasks that it wakes itself; it soon is far
ahead.) Sockets on loopback deliver at once. Imported by tests/light.
"""

import asyncio
import time
from asyncio import core

from shimlet.ticks import PERIOD_MS
from shimlet_light import clock

START = 1_780_000_000  # unix time at which it begins


class VirtualTime:
    """`with VirtualTime() as virtual`; virtual.passed_ms() tells how much has passed."""

    def __enter__(self):
        self.offset = 0
        self._start = time.ticks_ms()
        self._real = core.ticks, clock.now, clock.unix_time
        asyncio.new_event_loop()
        self._queue = core._io_queue
        core._io_queue = self
        core.ticks = self.ticks
        clock.now = self.now
        clock.unix_time = self.unix_time
        return self

    def __exit__(self, kind, error, trace):
        core.ticks, clock.now, clock.unix_time = self._real
        asyncio.new_event_loop()

    def ticks(self):
        """As time.ticks_ms()."""
        return time.ticks_add(self._start, self.offset)

    def passed_ms(self):
        """Since the beginning."""
        return self.offset

    def now(self):
        """As clock.now()."""
        return self.passed_ms() % PERIOD_MS

    def unix_time(self):
        """As clock.unix_time()."""
        return START + self.passed_ms() // 1000

    # What asyncio asks its queue of sockets

    @property
    def map(self):
        """The sockets that somebody waits for."""
        return self._queue.map

    def queue_read(self, sock):
        """See asyncio."""
        return self._queue.queue_read(sock)

    def queue_write(self, sock):
        """See asyncio."""
        return self._queue.queue_write(sock)

    def remove(self, task):
        """See asyncio."""
        self._queue.remove(task)

    def wait_io_event(self, wait_ms):
        """Let sockets wake their tasks; if there is none, let time pass."""
        first = core._task_queue.peek()
        self._queue.wait_io_event(0 if wait_ms > 0 else wait_ms)
        if wait_ms > 0 and core._task_queue.peek() is first:
            self.offset += wait_ms


def run_virtually(test):
    """Run the coroutine of test(virtual) to its end."""
    with VirtualTime() as virtual:
        return asyncio.run(test(virtual))
