"""Before a request of ours: a peer drops it unless it has verified us, as we have verified it.

So a peer that has not pinged us from where it is gets a Ping, half a second for its own, and then
the request in any case. Called by verification.py, and for each request by discovery.py and
choosing.py.
"""

from __future__ import annotations

from collections.abc import Callable

from shimlet_host.autopeering.local import Local
from shimlet_host.autopeering.peers import KnownPeer

_PING_BACK_WAIT_S = 0.5  # how long a peer may take to ping us before we ask it something
_MAX_WAITING = 1024  # requests that wait for the other side's Ping; each for half a second


class Mutual:
    """`ping` makes sure that a Ping to a peer is under way."""

    def __init__(self, local: Local, ping: Callable[[KnownPeer], None]) -> None:
        self._local = local
        self._ping = ping
        self._waiting: dict[tuple[bytes, str], list[Callable[[], None]]] = {}

    def ensure(self, known: KnownPeer, then: Callable[[], None]) -> None:
        """Call `then` once the peer has had its chance to verify us, at once if it has."""
        lifetime_s = self._local.parameters.verification_lifetime_s
        if self._local.now - known.heard_at < lifetime_s or len(self._waiting) >= _MAX_WAITING:
            return then()
        waiting = self._waiting.setdefault(known.key, [])
        waiting.append(then)
        if len(waiting) == 1:
            self._ping(known)
            self._local.after(_PING_BACK_WAIT_S, lambda: self._go_on(known))

    def heard(self, known: KnownPeer) -> None:
        """It has pinged us."""
        known.heard_at = self._local.now
        self._go_on(known)

    def _go_on(self, known: KnownPeer) -> None:
        for then in self._waiting.pop(known.key, ()):
            then()
