"""Clients that ask and do not read: a bound in time for each connection, beside the number of all.

In: now and then the connections of the server, and the time. Out: those of whose answer the client
has taken nothing for STALL_S are cut, whatever they are: plain answers, `/events`, WebSockets.
A quiet connection has nothing to send, so it may stay for ever. Called by serving.py.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple

import structlog

STALL_S = 30.0  # a phone that changes its network is back by then; the kernel repeats meanwhile
LOOK_S = 5.0
_ACKED_AT = 120  # of the kernel's struct tcp_info, which begins with them since Linux 4.1

# For SO_LINGER: the kernel lets go of what it has for the client, too; that may be megabytes.
_FORGET_ALL = struct.pack("ii", 1, 0)

log = structlog.get_logger()


async def cut_stalled(transports: Callable[[], Iterable[asyncio.Transport]]) -> None:
    """Look at these for ever."""
    stalls = Stalls()
    while True:
        await asyncio.sleep(LOOK_S)
        stalls.look(transports(), time.monotonic())


class _Answer(NamedTuple):
    """What a connection still has to send, and since when it stands still."""

    unsent: int  # bytes, beside those that the kernel has
    taken: int  # bytes that the client's machine has, 0 where the kernel does not tell
    since: float


class Stalls:
    """Remembers only the connections that have something to send."""

    def __init__(self) -> None:
        self._answers: dict[asyncio.Transport, _Answer] = {}

    def look(self, transports: Iterable[asyncio.Transport], now: float) -> None:
        """Cut those that stand still; `now` is a monotonic time in seconds."""
        before, self._answers = self._answers, {}
        for transport in transports:
            unsent = transport.get_write_buffer_size()
            if not unsent:
                continue
            answer = _Answer(unsent, _taken(transport), now)
            last = before.get(transport)
            if last is not None and answer.taken <= last.taken and unsent >= last.unsent:
                answer = answer._replace(since=last.since)
            if now - answer.since < STALL_S:
                self._answers[transport] = answer
            else:
                _cut(transport, unsent)


def _taken(transport: asyncio.Transport) -> int:
    """How much has arrived. What waits may grow while this does, too, if there is ever more."""
    try:
        facts = transport.get_extra_info("socket").getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, _ACKED_AT + 8
        )
    except (AttributeError, OSError):  # not Linux, or closed
        return 0
    return int.from_bytes(facts[_ACKED_AT:], sys.byteorder)


def _cut(transport: asyncio.Transport, unsent: int) -> None:
    """It does not read, so it is told nothing."""
    host, *_ = transport.get_extra_info("peername") or ("",)
    log.info("a web client took nothing of its answer and was cut off", host=host, unsent=unsent)
    with suppress(OSError):
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, _FORGET_ALL
        )
    transport.abort()
