"""Signature checks on a second core: the one hand-over between two processes of the full node.

In go datagrams that passed every cheap check; out come the same with whether their signature
holds, in the same order, by a call on the loop. A process, since a thread would share the
interpreter's lock with the loop, and lose by handing it over what it gains (1.3 times the rate of
one core, where the process gives 1.9). It is started when there is first much to do, and gets as
much as it does in the meantime; the loop checks the rest itself, so that both cores work. When it
ends for whatever reason, or stands still, the loop does everything. Bounded: what does not fit is
dropped, and the caller counts it. Called by udp.py.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable

import structlog
from shimlet.identity import Identity

from shimlet_host.autopeering.protocol import Checked
from shimlet_host.checker import CHUNK, READY, chunk_of

MAX_WAITING = 1024  # datagrams: a twentieth of a second of work
MANY = 32  # datagrams at once, at which the process is started: the loop falls behind
FEW = 4  # below, waking the process costs more than the checks
AHEAD = 96  # datagrams at the process, 4 ms of its work: with fewer it waits for a busy loop
PATIENCE_S = 5.0  # for an answer: on a machine that is busy otherwise, too

Results = list[tuple[Checked, bool]]
log = structlog.get_logger()


def has_second_core() -> bool:
    """Whether this process may run on more than one core."""
    return len(os.sched_getaffinity(0)) > 1


class _Waiting:
    """One datagram, and whether its signature holds once that is known."""

    __slots__ = ("checked", "holds")

    def __init__(self, checked: Checked) -> None:
        self.checked = checked
        self.holds: bool | None = None


class _Process:
    """The second process, and what it was given. `on_answer` is called on the loop."""

    def __init__(self, on_answer: Callable[[], None]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "shimlet_host.checker"], stdin=theirs.fileno()
            )
        ours.setblocking(False)
        self._socket = ours
        self._ready = False
        self._chunks: deque[list[_Waiting]] = deque()
        self._count = 0
        self.answered = 0  # chunks
        asyncio.get_running_loop().add_reader(ours, on_answer)

    @property
    def room(self) -> int:
        """How many datagrams it takes now."""
        return AHEAD - self._count if self._ready else 0

    @property
    def busy(self) -> bool:
        """Whether it owes an answer."""
        return bool(self._chunks)

    def give(self, chunk: list[_Waiting]) -> bool:
        """Whether it takes these."""
        try:
            self._socket.send(chunk_of(each.checked.envelope for each in chunk))
        except OSError:  # its queue is full, or it has ended, which answers() finds out
            return False
        self._chunks.append(chunk)
        self._count += len(chunk)
        return True

    def answers(self) -> bool:
        """Take what it has answered; False when it has ended."""
        try:
            while answer := self._socket.recv(max(CHUNK, len(READY))):
                self._take(answer)
        except BlockingIOError:
            return True
        except ConnectionError:
            pass
        return False

    def _take(self, answer: bytes) -> None:
        """The first message says that it is ready, each other one answers the oldest chunk."""
        if not self._ready:
            self._ready = True
            return
        chunk = self._chunks.popleft()
        self._count -= len(chunk)
        self.answered += 1
        for waiting, holds in zip(chunk, answer, strict=True):
            waiting.holds = bool(holds)

    def close(self) -> None:
        """End it; what it had is not answered."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._child.kill()
        self._child.wait()


class Verifier:
    """`deliver` is called on the loop that made this."""

    def __init__(self, identity: Identity, deliver: Callable[[Results], None]) -> None:
        self._identity = identity
        self._deliver = deliver
        self._waiting: deque[_Waiting] = deque()  # all that were not delivered, oldest first
        self._process: _Process | None = None
        self._timer: asyncio.TimerHandle | None = None  # while the process owes an answer
        self._wanted = True

    @property
    def waiting(self) -> int:
        """Datagrams that were offered and not delivered yet."""
        return len(self._waiting)

    def offer(self, datagrams: list[Checked]) -> int:
        """Check these; how many of them did not fit and are dropped."""
        taken = [_Waiting(each) for each in datagrams[: MAX_WAITING - len(self._waiting)]]
        self._waiting += taken
        for waiting in taken[self._given_away(taken) :]:
            waiting.holds = waiting.checked.verify(self._identity)
        self._hand_on()
        return len(datagrams) - len(taken)

    def _given_away(self, taken: list[_Waiting]) -> int:
        """How many of them the process has taken, from the first on."""
        if self._process is None:
            if len(taken) >= MANY and self._wanted:
                self._start()
            return 0
        room = min(self._process.room, len(taken)) if len(taken) >= FEW else 0
        for at in range(0, room, CHUNK):
            if not self._process.give(taken[at : min(at + CHUNK, room)]):
                return at
        self._watch(self._process)
        return room

    def _start(self) -> None:
        self._wanted = False  # once
        try:
            self._process = _Process(self._on_answer)
        except OSError as error:
            log.warning("no second process checks signatures", error=str(error))

    def _watch(self, process: _Process) -> None:
        if self._timer is None and process.busy:
            later = asyncio.get_running_loop().call_later
            self._timer = later(PATIENCE_S, self._look, process, process.answered)

    def _look(self, process: _Process, answered: int) -> None:
        """Somebody may have stopped it, without an end that we would see."""
        self._timer = None
        if process.busy and process.answered == answered:
            self._do_without("stands still")
        else:
            self._watch(process)

    def _on_answer(self) -> None:
        assert self._process is not None
        if self._process.answers():
            self._hand_on()
        else:
            self._do_without("has ended")

    def _do_without(self, why: str) -> None:
        log.warning(f"the second process, which checks signatures, {why}: one core does it")
        self.close()
        self._hand_on()

    def _hand_on(self) -> None:
        results: Results = []
        while self._waiting and (holds := self._waiting[0].holds) is not None:
            results.append((self._waiting.popleft().checked, holds))
        if results:
            self._deliver(results)

    def close(self) -> None:
        """End the process; what it had is checked here."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._process is not None:
            self._process.close()
            self._process = None
        for waiting in self._waiting:
            if waiting.holds is None:
                waiting.holds = waiting.checked.verify(self._identity)
