"""A small time server (SNTP, RFC 4330) for boards in networks that know no other.

In: an address to listen on and a clock. Out: the time of this machine to whoever asks in 48 bytes,
in 48 bytes, and counters. It is no reference clock and says so: stratum 10, from the local clock,
or "not synchronised" while that is plainly not set. Called by node.py, when `sntp.bindAddress` is
configured.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections import OrderedDict
from collections.abc import Callable

from shimlet.identity import format_address

from shimlet_host.model import TimeServerStatus
from shimlet_host.net import EARLIEST_UNIX_TIME
from shimlet_host.udp import bound_udp_socket

PACKET_BYTES = 48
FROM_CLIENT, FROM_SERVER = 3, 4
VERSIONS = range(1, 5)
NOT_SYNCHRONISED = 3
STRATUM = 10
PRECISION = 256 - 10  # 2**-10 s: a message waits for its turn on the loop
ROOT_DISPERSION = 1 << 16  # 1 s: nobody tells how right this machine's clock is
LOCAL_CLOCK = bytes((127, 127, 1, 0))  # how time servers write "my own clock"
NOT_YET = b"INIT"
SECONDS_FROM_1900_TO_1970 = 2_208_988_800

BURST = 8  # questions of one source in a row
REFILL_S = 2.0  # for one more
MAX_SOURCES = 1024

Address = tuple[str, int] | tuple[str, int, int, int]


class TimeServer(asyncio.DatagramProtocol):
    """One UDP socket. `address` is where it listens; the rest are counters."""

    def __init__(self, host: str, port: int, unix_clock: Callable[[], float] = time.time) -> None:
        """Bind; answering starts with start(). ServeError names the address."""
        self.answered = self.ignored = self.limited = 0
        self._unix_clock = unix_clock
        self._limit = SourceLimit()
        self._socket = bound_udp_socket(host, port, "sntp.bindAddress")
        self._transport: asyncio.DatagramTransport | None = None
        host, port = self._socket.getsockname()[:2]
        self.address = format_address(host, port)

    async def start(self) -> None:
        """Answer from now on."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=self._socket)

    def close(self) -> None:
        """Free the port."""
        if self._transport is not None:
            self._transport.close()
        self._socket.close()

    def status(self) -> TimeServerStatus:
        """Where it listens, and what it did."""
        return TimeServerStatus(self.address, self.answered, self.ignored, self.limited)

    def datagram_received(self, data: bytes, address: Address) -> None:
        """Answer a question, at once and once."""
        received = self._unix_clock()
        if not is_question(data):
            self.ignored += 1
        elif not self._limit.allows(address[0], time.monotonic()):
            self.limited += 1
        elif self._transport is not None:
            self.answered += 1
            self._transport.sendto(answer(data, received, self._unix_clock()), address)

    def error_received(self, error: Exception) -> None:
        """Somebody did not wait for the answer; that is theirs."""


class SourceLimit:
    """At most BURST questions in a row and one in REFILL_S from each IP; MAX_SOURCES are kept,
    those that asked last.
    """

    def __init__(self) -> None:
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def allows(self, ip: str, now: float) -> bool:
        """Whether this IP may be answered now (monotonic s), which is counted."""
        full_at = max(self._full_at.pop(ip, now), now)
        allowed = full_at - now <= (BURST - 1) * REFILL_S
        self._full_at[ip] = full_at + REFILL_S if allowed else full_at
        if len(self._full_at) > MAX_SOURCES:
            self._full_at.popitem(last=False)
        return allowed


def is_question(data: bytes) -> bool:
    """Whether this is what a client sends, and no more than it."""
    if len(data) != PACKET_BYTES:
        return False
    return data[0] & 7 == FROM_CLIENT and data[0] >> 3 & 7 in VERSIONS


def answer(question: bytes, received: float, now: float) -> bytes:
    """The 48 bytes of an answer; both times are unix seconds."""
    is_set = now >= EARLIEST_UNIX_TIME
    leap = 0 if is_set else NOT_SYNCHRONISED
    version = question[0] >> 3 & 7
    transmitted = timestamp(now)
    return struct.pack(
        "!BBBBII4s8s8s8s8s",
        leap << 6 | version << 3 | FROM_SERVER,
        STRATUM if is_set else 0,
        question[2],
        PRECISION,
        0,
        ROOT_DISPERSION,
        LOCAL_CLOCK if is_set else NOT_YET,
        transmitted if is_set else bytes(8),
        question[40:48],
        timestamp(received),
        transmitted,
    )


def timestamp(unix_time: float) -> bytes:
    """Seconds since 1900, modulo 2**32 (they start again in 2036), and 2**-32 seconds."""
    fixed = int((unix_time + SECONDS_FROM_1900_TO_1970) * (1 << 32))
    return (fixed % (1 << 64)).to_bytes(8, "big")
