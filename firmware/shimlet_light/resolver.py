"""Names to IPs without blocking: a small DNS client, because MicroPython's getaddrinfo() stops all
tasks.

In goes a host name, out comes a numeric IP, or an OSError whose number is a reason of the core. A
records are asked for first, then AAAA. Called by net.py. The socket is connected to the server, so
that answers of others do not reach it; an answer must also repeat a random number and the
question.
"""

import asyncio
import os
import socket

from shimlet.identity import parse_address
from shimlet.reasons import NAME_NOT_FOUND, NAME_TIMEOUT, NO_NAME_SERVER
from shimlet.ticks import after, since

from shimlet_light import clock, dns
from shimlet_light.waiting import readable

_TRIES = 3
_TRY_MS = 1200  # three tries end before the core gives up a name, after 5 s
_MAX_ANSWER = 512
_CACHED_NAMES = 4
_MIN_TTL_S = 1
_MAX_TTL_S = (
    300  # a peer that moved is found again after five minutes, whatever its old record said
)


class Resolver:
    """Asks one name server: `server`, as "ip:port"; "" for none."""

    def __init__(self, server: str = "") -> None:
        self.server = server
        self._cache: dict[str, tuple[str, int]] = {}  # name -> IP, and until when it holds

    async def resolve(self, host: str) -> str:
        """A numeric IP. OSError with NAME_NOT_FOUND, NAME_TIMEOUT or NO_NAME_SERVER."""
        ip = self._cached(host)
        if ip:
            return ip
        address = self._server_address()
        for kind in (dns.A, dns.AAAA):
            answer = await self._ask(address, host, kind)
            if answer.ip:
                self._remember(host, answer)
                return answer.ip
            if answer.failure == dns.NO_NAME:
                break
        raise OSError(NAME_NOT_FOUND)

    def _cached(self, host: str) -> str:
        ip, until = self._cache.get(host, ("", 0))
        left_ms = since(until, clock.now())
        return ip if 0 < left_ms <= _MAX_TTL_S * 1000 else ""

    def _remember(self, host: str, answer: dns.Answer) -> None:
        if len(self._cache) >= _CACHED_NAMES and host not in self._cache:
            self._cache.clear()  # rarer than any cleverness would be worth
        ttl_s = min(max(answer.ttl_s, _MIN_TTL_S), _MAX_TTL_S)
        self._cache[host] = (answer.ip, after(clock.now(), ttl_s * 1000))

    def _server_address(self):
        if not self.server:
            raise OSError(NO_NAME_SERVER)
        host, port = parse_address(self.server)
        return socket.getaddrinfo(host, port)[0]

    async def _ask(self, address, host: str, kind: int) -> dns.Answer:
        """Ask up to three times. OSError with NAME_TIMEOUT."""
        try:
            question = dns.query(os.urandom(2), host, kind)
        except ValueError:
            raise OSError(NAME_NOT_FOUND)
        sock = socket.socket(address[0], socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.connect(address[-1])
            for _ in range(_TRIES):
                answer = await self._try(sock, question)
                if answer is not None:
                    return answer
        finally:
            sock.close()
        raise OSError(NAME_TIMEOUT)

    async def _try(self, sock, question: bytes) -> "dns.Answer | None":
        """Send the question once; its answer, or None if none came or the server failed."""
        deadline = after(clock.now(), _TRY_MS)
        answer = dns.Answer(dns.NOT_OURS)
        try:
            sock.send(question)
            while answer.failure == dns.NOT_OURS:
                left_ms = since(deadline, clock.now())
                await asyncio.wait_for_ms(readable(sock), max(left_ms, 0))
                answer = dns.read_answer(sock.recv(_MAX_ANSWER), question)
        except asyncio.TimeoutError:
            return None
        except OSError:  # nothing listens there, or there is no network now
            await asyncio.sleep_ms(max(since(deadline, clock.now()), 0))
            return None
        return None if answer.failure == dns.FAILED else answer
