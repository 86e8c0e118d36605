"""Our Pings (specification, "Verification"): whom, when, how often, and how many at once.

Known peers wait in a queue until they are due. At most ten of them are pinged at once, each until
it answers or has used up its attempts; a peer that must not wait is pinged out of turn. Called by
verification.py, which decides what an answer and a silence mean, and by mutual.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from shimlet_host.autopeering import encoding, messages
from shimlet_host.autopeering.local import Local
from shimlet_host.autopeering.parameters import MAX_IN_FLIGHT
from shimlet_host.autopeering.peers import PEERING, KnownPeer, Peers
from shimlet_host.autopeering.requests import Request, Requests

_UNSPECIFIED = "0.0.0.0"  # what every src_addr is, also over IPv6
_OVERLOADED_S = 1.0  # until the next try when too many requests are open


class Pings:
    """The queue and the open Pings of one node; `unanswered`: all attempts at a peer failed."""

    def __init__(
        self,
        local: Local,
        requests: Requests,
        peers: Peers,
        unanswered: Callable[[KnownPeer], None],
    ) -> None:
        self._local = local
        self._requests = requests
        self._peers = peers
        self._unanswered = unanswered
        self._due: deque[KnownPeer] = deque()  # it is time; they wait for a slot
        self._slots: set[tuple[bytes, str]] = set()  # verified now, out of the queue
        self._in_flight: dict[tuple[bytes, str], Request] = {}  # all open Pings

    # The queue

    def enqueue(self, known: KnownPeer, due: float) -> None:
        """Verify a peer at this time: the known peer list is a time-priority queue."""
        if known.timer is not None:
            known.timer.cancel()
        known.timer = self._local.timers.at(due, lambda: self._is_due(known))

    def _is_due(self, known: KnownPeer) -> None:
        known.timer = None
        self._due.append(known)
        self._verify_due()

    def _verify_due(self) -> None:
        """Ping every due peer, at most ten at once."""
        while self._due and len(self._slots) < MAX_IN_FLIGHT:
            known = self._due.popleft()
            if self._peers.known.get(known.key) is known and known.key not in self._in_flight:
                self._verify(known)

    def _verify(self, known: KnownPeer) -> None:
        """Ping a peer until it answers, up to the attempts that it has."""
        parameters = self._local.parameters
        verified = known.peer is not None
        attempts = parameters.max_reverify_attempts if verified else parameters.max_verify_attempts
        if self.ping(known, attempts):
            self._slots.add(known.key)
        else:
            self.enqueue(known, self._local.now + _OVERLOADED_S)

    # One peer

    def ping(self, known: KnownPeer, attempts: int) -> bool:
        """Begin to ping; False: too many requests are open."""
        request = Request(
            known.public_key,
            (known.ip, known.port),
            attempts,
            messages.Pong,
            lambda: self._ping_to(known.ip),
            lambda: self._unanswered(known),
        )
        started = self._requests.start(request)
        if started:
            self._in_flight[known.key] = request
        return started

    def ping_again(self, known: KnownPeer) -> None:
        """Unless that is under way."""
        if known.key not in self._in_flight:
            self.ping(known, self._local.parameters.max_reverify_attempts)

    def _ping_to(self, ip: str) -> bytes:
        """The data of a Ping as of now: each attempt is a new one."""
        parameters = self._local.parameters
        ping = messages.Ping(
            parameters.version,
            parameters.network_version,
            self._local.unix_time,
            _UNSPECIFIED,
            self._local.services[PEERING].port,
            ip,
        )
        return encoding.encode_ping(ping)

    def open_to(self, known: KnownPeer) -> Request | None:
        """The Ping to this peer that is under way."""
        return self._in_flight.get(known.key)

    def ended(self, known: KnownPeer) -> None:
        """It has answered, or never will: the next one may have its turn."""
        self._in_flight.pop(known.key, None)
        self._slots.discard(known.key)
        self._verify_due()

    def forget(self, known: KnownPeer) -> None:
        """Neither wait for its turn nor for its answer."""
        if known.timer is not None:
            known.timer.cancel()
        request = self._in_flight.pop(known.key, None)
        if request is not None:
            self._requests.close(request)
            self._slots.discard(known.key)
