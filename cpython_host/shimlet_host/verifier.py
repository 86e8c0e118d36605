"""Signature checks on a second core: the one hand-over between two threads of the full node.

In go datagrams that passed every cheap check, in batches; out come the same with whether their
signature holds, in the same order, by a call on the loop. While the thread has enough to do, the
loop checks a batch itself, so that both cores work; the order is kept all the same. Bounded: what
does not fit is dropped, and the caller counts it. libsodium runs without the interpreter's lock,
so the two do overlap. Called by udp.py.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from shimlet.identity import Identity

from shimlet_host.autopeering.protocol import Checked

MAX_WAITING = 1024  # datagrams: a tenth of a second of work
BUSY = 64  # datagrams at the thread, from which on the loop helps
SWITCH_S = 0.0005  # the interpreter's 5 ms are as long as 100 checks

Results = list[tuple[Checked, bool]]


def has_second_core() -> bool:
    """Whether this process may run on more than one core."""
    return len(os.sched_getaffinity(0)) > 1


class _Batch:
    """Some datagrams, and what was found once they are checked."""

    def __init__(self, datagrams: list[Checked]) -> None:
        self.datagrams = datagrams
        self.results: Results | None = None

    def check(self, identity: Identity) -> None:
        """Verify all of them; on either core."""
        self.results = [(checked, checked.verify(identity)) for checked in self.datagrams]


class Verifier:
    """One thread. `deliver` is called on the loop that made this."""

    def __init__(self, identity: Identity, deliver: Callable[[Results], None]) -> None:
        self._identity = identity
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._batches: deque[_Batch] = deque()  # all that were not delivered, oldest first
        self._waiting = 0  # datagrams in them
        self._at_thread = 0
        self._queue: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        sys.setswitchinterval(SWITCH_S)
        threading.Thread(target=self._work, name="verifier", daemon=True).start()

    @property
    def waiting(self) -> int:
        """Datagrams that were offered and not delivered yet."""
        return self._waiting

    def offer(self, datagrams: list[Checked]) -> int:
        """Check these; how many of them did not fit and are dropped."""
        taken = datagrams[: MAX_WAITING - self._waiting]
        if taken:
            self._waiting += len(taken)
            batch = _Batch(taken)
            self._batches.append(batch)
            if self._at_thread < BUSY:
                self._at_thread += len(taken)
                self._queue.put(batch)
            else:
                batch.check(self._identity)
        return len(datagrams) - len(taken)

    def close(self) -> None:
        """End the thread once it is idle."""
        self._queue.put(None)

    def _work(self) -> None:
        while (batch := self._queue.get()) is not None:
            batch.check(self._identity)
            with suppress(RuntimeError):  # the loop may have ended meanwhile
                self._loop.call_soon_threadsafe(self._back, len(batch.datagrams))

    def _back(self, count: int) -> None:
        """The thread has done a batch: deliver it, and what the loop has checked behind it."""
        self._at_thread -= count
        while self._batches and (results := self._batches[0].results) is not None:
            self._batches.popleft()
            self._waiting -= len(results)
            self._deliver(results)
