"""Signature checks on a second core: the one hand-over between two threads of the full node.

In go datagrams that passed every cheap check, in batches; out come the same with whether their
signature holds, in the same order, by a call on the loop. Bounded: what does not fit is dropped,
and the caller counts it. libsodium runs without the interpreter's lock, so the two threads do
overlap. Called by udp.py.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress

from shimlet.identity import Identity

from shimlet_host.autopeering.protocol import Checked

MAX_WAITING = 1024  # datagrams: a tenth of a second of work

Results = list[tuple[Checked, bool]]


def has_second_core() -> bool:
    """Whether this process may run on more than one core."""
    return len(os.sched_getaffinity(0)) > 1


class Verifier:
    """One thread. `deliver` is called on the loop that made this."""

    def __init__(self, identity: Identity, deliver: Callable[[Results], None]) -> None:
        self._identity = identity
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._waiting = 0
        self._batches: queue.SimpleQueue[list[Checked] | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="verifier", daemon=True).start()

    def offer(self, batch: list[Checked]) -> int:
        """Check these; how many of them did not fit and are dropped."""
        taken = batch[: MAX_WAITING - self._waiting]
        if taken:
            self._waiting += len(taken)
            self._batches.put(taken)
        return len(batch) - len(taken)

    def close(self) -> None:
        """End the thread once it is idle."""
        self._batches.put(None)

    def _work(self) -> None:
        while (batch := self._batches.get()) is not None:
            results = [(checked, checked.verify(self._identity)) for checked in batch]
            with suppress(RuntimeError):  # the loop may have ended meanwhile
                self._loop.call_soon_threadsafe(self._done, results)

    def _done(self, results: Results) -> None:
        self._waiting -= len(results)
        self._deliver(results)
