"""The board's way to the network: what shimlet.ports asks for, over MicroPython's sockets and
asyncio.

In go addresses, out come BoardStreams; errors are OSErrors, which reason() puts into the core's
words. Called by node.py and, through the ports, by shimlet.streams.
"""

import asyncio
import errno
import os
import socket
import sys

from shimlet.reasons import (
    CONNECT_TIMEOUT,
    CONNECTION_LOST,
    CONNECTION_REFUSED,
    NO_NAME_SERVER,
    UNREACHABLE,
)
from shimlet.wire import const

from shimlet_light import clock
from shimlet_light.numeric import is_ip
from shimlet_light.waiting import readable, writable

_TCP = const(6)
_NO_DELAY = const(1)
# Linux notices a dead peer after 20 s + 3 * 5 s. On boards the keep-alives of the protocol do it.
_OPTIONS = ((_TCP, _NO_DELAY, 1), (1, 9, 1), (_TCP, 4, 20), (_TCP, 5, 5), (_TCP, 6, 3))
_BOARD_OPTIONS = ((_TCP, _NO_DELAY, 1),)

_BACKLOG = const(5)
# Up to this size a frame is copied together with its header, to travel in one segment.
_ONE_PIECE_BYTES = const(512)
_ENETUNREACH = getattr(errno, "ENETUNREACH", 101)


class BoardStream:
    """One TCP connection; one task may read while another one writes."""

    def __init__(self, net: "BoardNet", sock, source: str) -> None:
        self.net = net
        self.socket = sock
        self.source = source
        self.local = b""
        net.streams.append(self)
        for option in _OPTIONS if sys.platform == "linux" else _BOARD_OPTIONS:
            try:
                sock.setsockopt(*option)
            except OSError:
                pass  # a convenience that this port does not have

    async def readinto(self, view: memoryview) -> "int | None":
        """See Stream."""
        await readable(self.socket)
        return self.socket.readinto(view)

    async def send(self, data: bytes) -> None:
        """See Stream."""
        sent = self.socket.write(data) or 0
        while sent < len(data):
            await writable(self.socket)
            sent += self.socket.write(memoryview(data)[sent:]) or 0

    async def send_frame(self, header: bytearray, header_length: int, content: bytes) -> None:
        """See Stream."""
        start = header[:header_length]
        if len(content) <= _ONE_PIECE_BYTES:
            await self.send(start + content)
        else:
            await self.send(start)
            await self.send(content)

    def close_now(self) -> None:
        """Close the socket; also called when asyncio has ended."""
        if self in self.net.streams:
            self.net.streams.remove(self)
            self.socket.close()

    async def close(self) -> None:
        """See Stream."""
        try:
            self.close_now()
        except OSError:
            pass


class BoardNet:
    """Sockets, clocks and chance of a board. `dns`: "ip:port" of a name server, see Settings.

    `offline`, `ip` ("" for unknown) and the network's own name server come from wifi.py, where
    there is Wi-Fi.
    """

    def __init__(self, dns: str = "") -> None:
        self.offline = False
        self.ip = ""
        self._dns = dns
        self._found_dns = ""
        self._resolver = None
        self.streams: list[BoardStream] = []  # the open ones
        self.listener = None

    def now(self) -> int:
        """See Net."""
        return clock.now()

    def unix_time(self) -> int:
        """See Net."""
        return clock.unix_time()

    def random_byte(self) -> int:
        """See Net."""
        return os.urandom(1)[0]

    async def sleep_ms(self, duration_ms: int) -> None:
        """See Net."""
        await asyncio.sleep_ms(duration_ms)

    async def resolve(self, host: str) -> str:
        """See Net. Without a network it fails at once, before anything is signed for a dial."""
        if self.offline:
            raise OSError(UNREACHABLE)
        if is_ip(host):
            return host
        if self._resolver is None:
            # 5 KB of heap, which a board that knows its peers by IP does not spend.
            from shimlet_light.resolver import Resolver

            self._resolver = Resolver(self._dns or self._found_dns)
        return await self._resolver.resolve(host)

    def use_dns(self, server: str) -> None:
        """The network's name server as "ip:port", for a config that names none."""
        self._found_dns = server
        self._resolver = None  # names may stand for other IPs in this network

    def reason(self, error: OSError, default: int) -> int:
        """See Net. An OSError of our own carries the reason itself, which is negative."""
        number = error.errno or 0
        if NO_NAME_SERVER <= number < 0:
            return number
        if number == errno.ECONNREFUSED:
            return CONNECTION_REFUSED
        if number == errno.EHOSTUNREACH or number == _ENETUNREACH:
            return UNREACHABLE
        if number == errno.ETIMEDOUT and default != CONNECTION_LOST:
            return CONNECT_TIMEOUT
        return default

    async def connect(self, ip: str, port: int) -> BoardStream:
        """See Net. Some ports report a refusal only at the first read or write."""
        family, address = _socket_address(ip, port)
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            try:
                sock.connect(address)
            except OSError as error:
                if error.errno != errno.EINPROGRESS:
                    raise
            await writable(sock)
        except BaseException:  # a cancelled dial too: nobody else knows this socket
            sock.close()
            raise
        return BoardStream(self, sock, ip)

    # Accepting

    async def serve(self, host: str, port: int, on_stream) -> None:
        """Call on_stream(stream) for each connection until cancelled. OSError: no such port."""
        sock = self.listener = self._listen(host, port)
        try:
            while True:
                await readable(sock)
                try:
                    connected, source = sock.accept()
                except OSError:  # the caller has gone, or there is no socket left
                    await asyncio.sleep_ms(50)
                    continue
                self._hand_over(connected, source, on_stream)
        finally:
            self._close_listener()

    def _hand_over(self, connected, source, on_stream) -> None:
        """Give the connection to the core; without memory for it, it is closed at once."""
        accepted = len(self.streams)
        try:
            connected.setblocking(False)
            on_stream(BoardStream(self, connected, _ip_of(source)))
        except (OSError, MemoryError):
            del self.streams[accepted:]
            connected.close()

    def _listen(self, host: str, port: int):
        family, address = _socket_address(host, port)
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            sock.listen(_BACKLOG)
        except BaseException:
            sock.close()
            raise
        return sock

    def _close_listener(self) -> None:
        if self.listener is not None:
            self.listener.close()
            self.listener = None

    def close(self) -> None:
        """Close every socket at once, also when asyncio has ended."""
        self._close_listener()
        while self.streams:
            self.streams[-1].close_now()


def _socket_address(ip: str, port: int) -> tuple:
    """Family and address for a numeric IP. OSError with UNREACHABLE where it cannot be used."""
    try:
        info = socket.getaddrinfo(ip, port)[0]
    except OSError:
        raise OSError(UNREACHABLE)
    return info[0], info[-1]


def _ip_of(address) -> str:
    """The IP in what accept() tells: ("ip", port) on boards, a sockaddr on the unix build."""
    if isinstance(address, tuple):
        return address[0]
    family, raw = socket.sockaddr(address)[:2]
    return socket.inet_ntop(family, raw)
