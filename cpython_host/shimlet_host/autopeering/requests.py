"""Requests of ours that wait for an answer: attempts, time-outs and pauses between them.

An answer counts only if signer, source IP and req_hash match an open request (protocol.md, "UDP
messages"). Attempts time out after responseTimeout, with growing random pauses between; an answer
to any attempt counts until the request ends. Called by pings.py, verification.py, discovery.py
and choosing.py.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from shimlet_host.autopeering import messages
from shimlet_host.autopeering.local import Address, Local
from shimlet_host.autopeering.parameters import MAX_OPEN_REQUESTS
from shimlet_host.autopeering.reasons import Reason
from shimlet_host.autopeering.timers import Timer

_FIRST_PAUSE_S = (0.25, 0.5)
_PAUSE_GROWTH = 1.5  # so the second pause is 0.375 to 0.75 s


def request_hash(data: bytes) -> bytes:
    """SHA-256 of a request's data, as received."""
    return sha256(data).digest()


Answer = messages.Pong | messages.DiscoveryResponse | messages.PeeringResponse


class Request:
    """One request. `make` gives the data of the next attempt: the same again, or a new Ping.

    `answer`: the type of the message that answers it.
    """

    __slots__ = (
        "address",
        "answer",
        "attempt",
        "attempts",
        "failed",
        "hashes",
        "make",
        "public_key",
        "timer",
        "waiting",
    )

    def __init__(
        self,
        public_key: bytes,
        address: Address,
        attempts: int,
        answer: type[Answer],
        make: Callable[[], bytes],
        failed: Callable[[], None],
    ) -> None:
        self.public_key = public_key
        self.address = address
        self.attempts = attempts
        self.answer = answer
        self.make = make
        self.failed = failed
        self.attempt = 0
        self.hashes: list[bytes] = []
        self.waiting = False  # for an answer, and not in a pause
        self.timer: Timer | None = None


class Requests:
    """The open requests, by signer, source IP and hash."""

    def __init__(self, local: Local) -> None:
        self._local = local
        self._open: dict[tuple[bytes, str, bytes], Request] = {}

    def __len__(self) -> int:
        return len(self._open)

    def start(self, request: Request) -> bool:
        """Send the first attempt. False: too many are open, nothing was sent."""
        if len(self._open) >= MAX_OPEN_REQUESTS:
            self._local.counters[Reason.OVERLOADED] += 1
            return False
        self._attempt(request)
        return True

    def hurry(self, request: Request) -> None:
        """In a pause, make the next attempt at once: the peer was just heard."""
        if not request.waiting:
            self._cancel_timer(request)
            self._attempt(request)

    def find(self, answer: Answer, public_key: bytes, ip: str) -> Request | None:
        """The open request that this message of this signer and IP answers."""
        request = self._open.get((public_key, ip, answer.req_hash))
        return request if request is not None and request.answer is type(answer) else None

    def close(self, request: Request) -> None:
        """It is answered, or nobody wants to know any more."""
        self._cancel_timer(request)
        for req_hash in request.hashes:
            self._open.pop((request.public_key, request.address[0], req_hash), None)

    def _attempt(self, request: Request) -> None:
        data = request.make()
        req_hash = request_hash(data)
        request.attempt += 1
        request.waiting = True
        if req_hash not in request.hashes:
            request.hashes.append(req_hash)
        self._open[(request.public_key, request.address[0], req_hash)] = request
        self._local.send(data, request.address)
        timeout_s = self._local.parameters.response_timeout_s
        request.timer = self._local.after(timeout_s, lambda: self._timed_out(request))

    def _timed_out(self, request: Request) -> None:
        request.timer = None
        request.waiting = False
        if request.attempt >= request.attempts:
            self.close(request)
            request.failed()
            return
        growth = _PAUSE_GROWTH ** (request.attempt - 1)
        pause_s = self._local.between(*_FIRST_PAUSE_S) * growth
        request.timer = self._local.after(pause_s, lambda: self._attempt(request))

    def _cancel_timer(self, request: Request) -> None:
        if request.timer is not None:
            request.timer.cancel()
            request.timer = None
