"""The host's way to the network: sockets on asyncio, behind the ports of the core
(shimlet/ports.py).

In: addresses, and a callback for accepted connections. Out: HostStreams, numeric IPs, both clocks.
Plain non-blocking sockets rather than asyncio's transports: the link reads straight into its own
buffer. Called by node.py.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import random
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from shimlet import reasons
from shimlet.identity import format_address
from shimlet.ports import Net, Stream
from shimlet.ticks import PERIOD_MS

from shimlet_host.background import in_background
from shimlet_host.model import ServeError

BACKLOG = 256  # connections that the kernel holds while we are busy
ACCEPTS_A_TURN = 64  # then others get the loop
OUT_OF_FILES_PAUSE_S = 1.0
MAX_LOOKUPS = 16  # names being resolved at once; each takes a thread

# A dead peer is noticed by the kernel after 10 + 3 * 5 s without an answer.
KEEPALIVE_IDLE_S = 10
KEEPALIVE_INTERVAL_S = 5
KEEPALIVE_PROBES = 3

_RTT_AT = 68  # of tcpi_rtt, microseconds, in Linux's struct tcp_info

# Time before this day only comes from a clock that was never set (a board without a battery, a
# fresh virtual machine).
EARLIEST_UNIX_TIME = 1_704_067_200  # 2024-01-01

_REASONS = {
    errno.ECONNREFUSED: reasons.CONNECTION_REFUSED,
    errno.EHOSTUNREACH: reasons.UNREACHABLE,
    errno.ENETUNREACH: reasons.UNREACHABLE,
    errno.EADDRNOTAVAIL: reasons.UNREACHABLE,
    errno.EAFNOSUPPORT: reasons.UNREACHABLE,
    errno.ETIMEDOUT: reasons.CONNECT_TIMEOUT,
}


class HostStream(Stream):
    """One connected TCP socket."""

    def __init__(self, sock: socket.socket, source: str) -> None:
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self.source = source
        self.bytes_sent = 0
        with suppress(OSError):
            self.local = _text_of(sock.getsockname()).encode()

    async def readinto(self, view: memoryview) -> int:
        """Bytes read into `view`, 0 at the end of the stream."""
        return await self._loop.sock_recv_into(self._socket, view)

    async def send(self, data: bytes) -> None:
        """All of `data`, in one write if the kernel takes it."""
        await self._loop.sock_sendall(self._socket, data)
        self.bytes_sent += len(data)

    async def send_frame(self, header: bytearray, header_length: int, content: bytes) -> None:
        """A frame in one write: the copy is cheaper than a second system call."""
        await self._loop.sock_sendall(self._socket, b"".join((header[:header_length], content)))
        self.bytes_sent += header_length + len(content)

    def rtt_ms(self) -> float | None:
        """The kernel's smoothed round trip in milliseconds; None where it does not tell."""
        try:
            facts = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RTT_AT + 4)
        except (AttributeError, OSError):  # not Linux, or closed
            return None
        if len(facts) < _RTT_AT + 4:
            return None
        return int.from_bytes(facts[_RTT_AT:], sys.byteorder) / 1000 or None

    async def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class HostNet(Net):
    """Sockets, clocks and chance of one node. `unix_clock` is another clock in tests."""

    def __init__(self, unix_clock: Callable[[], float] = time.time) -> None:
        self._unix_clock = unix_clock
        self._lookups = 0

    def now(self) -> int:
        """Monotonic milliseconds, wrapping as shimlet.ticks says."""
        return time.monotonic_ns() // 1_000_000 % PERIOD_MS

    def unix_time(self) -> int:
        """Whole unix seconds, 0 while the clock is plainly not set."""
        seconds = int(self._unix_clock())
        return seconds if seconds >= EARLIEST_UNIX_TIME else 0

    def random_byte(self) -> int:
        """0..255, for jitter."""
        return random.getrandbits(8)

    async def sleep_ms(self, duration_ms: int) -> None:
        """Let others run."""
        await asyncio.sleep(duration_ms / 1000)

    async def resolve(self, host: str, family: int = socket.AF_UNSPEC) -> str:
        """A numeric IP of `host`, for one family of sockets or any. OSError if it has none."""
        with suppress(ValueError):
            return str(ipaddress.ip_address(host))
        if self._lookups >= MAX_LOOKUPS:
            raise OSError(errno.EAGAIN, "too many names are being resolved")
        self._lookups += 1
        try:
            return await in_background(lambda: _look_up(host, family), f"resolve {host}")
        finally:
            self._lookups -= 1

    async def connect(self, ip: str, port: int) -> HostStream:
        """A connected stream to a numeric IP."""
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, (ip, port))
            _tune(sock)
            return HostStream(sock, ip)
        except BaseException:
            sock.close()
            raise

    def reason(self, error: OSError, default: int) -> int:
        """The reason code for `error`."""
        if isinstance(error, socket.gaierror):
            return reasons.NAME_NOT_FOUND
        return _REASONS.get(error.errno or 0, default)


def _look_up(host: str, family: int) -> str:
    try:
        found = socket.getaddrinfo(host, None, family=family, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise socket.gaierror(str(error)) from error
    return str(found[0][4][0])


class Listener:
    """A listening socket that hands every accepted connection to `on_stream`."""

    def __init__(self, host: str, port: int, on_stream: Callable[[HostStream], None]) -> None:
        """Bind and listen; accepting starts with start(). ServeError names the address."""
        self._on_stream = on_stream
        self._socket = _listening_socket(host, port)
        self.address = _text_of(self._socket.getsockname())
        self.port: int = self._socket.getsockname()[1]

    def start(self) -> None:
        """Accept from now on, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._accept)

    def close(self) -> None:
        """Stop accepting and free the port."""
        if self._socket.fileno() >= 0 and hasattr(self, "_loop"):
            self._loop.remove_reader(self._socket)
        self._socket.close()

    def _accept(self) -> None:
        for _ in range(ACCEPTS_A_TURN):
            try:
                sock, address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause(error)
                return
            try:
                sock.setblocking(False)
                stream = HostStream(sock, _ip_of(address))
            except OSError:  # it is gone already
                sock.close()
                continue
            self._on_stream(stream)

    def _pause(self, error: OSError) -> None:
        """Out of file descriptors: the backlog waits until some are free again."""
        self._loop.remove_reader(self._socket)
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
            self._loop.call_later(OUT_OF_FILES_PAUSE_S, self._resume)
        else:
            raise error

    def _resume(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.add_reader(self._socket, self._accept)


def _listening_socket(host: str, port: int) -> socket.socket:
    address = format_address(host, port)
    try:
        family, _, _, _, numeric = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.create_server(
            numeric[:2],
            family=family,
            backlog=BACKLOG,
            dualstack_ipv6=family == socket.AF_INET6 and host == "::",
        )
    except OSError as error:
        raise ServeError(
            f"Cannot listen on {address} (gossip.bindAddress): {why_not_bound(error)}."
        ) from error
    sock.setblocking(False)
    _tune(sock)  # accepted sockets inherit it
    return sock


def why_not_bound(error: OSError) -> str:
    """What is in the way of listening there, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return "another program uses this port; stop it or choose another port"
    if error.errno == errno.EACCES:
        return "ports below 1024 need more rights; choose a higher one"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address; 0.0.0.0 means all that it has"
    return (error.strerror or str(error)).lower()


def _tune(sock: socket.socket) -> None:
    """No delay for small frames, and an early end for peers that vanished."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_PROBES)


def _ip_of(address: tuple[str, int] | tuple[str, int, int, int]) -> str:
    """The IP of a socket address; an IPv4 caller on an IPv6 socket is an IPv4 caller."""
    return address[0].removeprefix("::ffff:") if "." in address[0] else address[0]


def _text_of(address: tuple[str, int] | tuple[str, int, int, int]) -> str:
    return format_address(_ip_of(address), address[1])
