"""Manual peering: the known peers, who dials whom, who is due for a reconnect, and why a peer is
not connected.

A known peer is a public key and an address as the operator typed it. The smaller public key, byte
by byte, dials (the peer is then a chosen, outbound neighbor); the larger one waits. Both ends run
this same file. In go the operator's changes and what happened to connections, each with the time;
out come the peers due for a dial and a state for every peer at every moment. Called by streams.py
(protocol.md, "Manual peering").
"""

from shimlet.pending import MAX_PENDING, PendingPeers
from shimlet.reasons import (
    ADDRESS_CHANGED,
    CLOCK_NOT_SET,
    LIST_FULL,
    OWN_KEY,
    UNKNOWN_KEY,
    WRONG_DIRECTION,
)
from shimlet.ticks import after, since
from shimlet.wire import const

CONNECTED = "connected"
DIALLING = "dialling"
WAITING = "waiting"  # they dial us
BACKING_OFF = "backing-off"  # we dial them, at next_attempt
CLOCK_UNSET = "clock-not-set"
STATES = (CONNECTED, DIALLING, WAITING, BACKING_OFF, CLOCK_UNSET)

_RECONNECT_INTERVAL_MS = const(5000)
_MAX_DOUBLINGS = const(20)  # of the interval, before max_backoff_ms caps it; keeps the shift small


class KnownPeer:
    """One peer of the operator's list. `last_connected`: unix seconds, 0 for never;
    `next_attempt`: ticks in ms.
    """

    def __init__(self, public_key: bytes, address: str, outbound: bool) -> None:
        self.public_key = public_key
        self.address = address
        self.outbound = outbound
        self.connected = False
        self.dialling = False
        self.redial = False  # a new address: dial even while connected
        self.last_error = 0
        self.last_connected = 0
        self.next_attempt = 0
        self.failures = 0  # dials in a row that led to no link
        self.last_timestamp = 0  # of our last request, so that no two are the same

    def state(self, clock_is_set: bool) -> str:
        """One of STATES."""
        if self.connected:
            return CONNECTED
        if not clock_is_set:
            return CLOCK_UNSET
        if not self.outbound:
            return WAITING
        return DIALLING if self.dialling else BACKING_OFF

    def next_timestamp(self, unix_time: int) -> int:
        """A unix time for a new request: now, or a second later than the last, which a replay
        check would refuse.
        """
        if self.last_timestamp - 10 < unix_time <= self.last_timestamp:
            unix_time = self.last_timestamp + 1
        self.last_timestamp = unix_time
        return unix_time


class ManualPeering:
    """The list of known peers, at most `max_known`. `random_byte` (0..255) serves only the jitter
    of reconnects.
    """

    def __init__(self, public_key: bytes, max_known: int, max_pending: int = MAX_PENDING) -> None:
        self.public_key = public_key
        self.max_known = max_known
        self.reconnect_interval_ms = _RECONNECT_INTERVAL_MS
        self.max_backoff_ms = _RECONNECT_INTERVAL_MS
        self.known_peers: dict[bytes, KnownPeer] = {}
        self.pending = PendingPeers(max_pending)
        self._last_timestamp = 0  # the latest that any removed peer was sent

    # The operator's changes

    def refuses(self, public_key: bytes) -> int:
        """0 if this key may be added (or is there already), else OWN_KEY or LIST_FULL."""
        if public_key == self.public_key:
            return OWN_KEY
        full = len(self.known_peers) >= self.max_known and public_key not in self.known_peers
        return LIST_FULL if full else 0

    def add(self, public_key: bytes, address: str, now: int) -> int:
        """List a peer; a listed one gets the new address and is dialled at once. 0 or a reason."""
        reason = self.refuses(public_key)
        if reason:
            return reason
        self.pending.forget(public_key)
        peer = self.known_peers.get(public_key)
        if peer is None:
            peer = KnownPeer(public_key, address, self.public_key < public_key)
            peer.last_timestamp = self._last_timestamp
            self.known_peers[public_key] = peer
            peer.next_attempt = now
        elif peer.address != address:
            self._readdress(peer, address, now)
        return 0

    def _readdress(self, peer: KnownPeer, address: str, now: int) -> None:
        peer.address = address
        peer.failures = 0
        peer.next_attempt = now
        peer.redial = peer.outbound
        if not peer.connected:
            peer.last_error = ADDRESS_CHANGED

    def remove(self, public_key: bytes) -> "KnownPeer | None":
        """Take a peer off the list; None if it was not listed. The caller closes its link."""
        peer = self.known_peers.pop(public_key, None)
        if peer is not None:
            self._last_timestamp = max(self._last_timestamp, peer.last_timestamp)
        return peer

    # Callers

    def find(self, public_key: bytes) -> "KnownPeer | None":
        """Whose link may stand: a listed peer. A full node adds those that it selected."""
        return self.known_peers.get(public_key)

    def accepts(self, public_key: bytes) -> int:
        """0 if we wait for this authenticated caller, else the reason to close unanswered."""
        if public_key == self.public_key:
            return OWN_KEY
        peer = self.known_peers.get(public_key)
        if peer is None:
            return UNKNOWN_KEY
        return WRONG_DIRECTION if peer.outbound else 0

    # Dialling

    def due(self, now: int) -> "KnownPeer | None":
        """A peer to dial now; call dial_started() and ask again until None."""
        for peer in self.known_peers.values():
            if not peer.outbound or peer.dialling or self._must_wait(peer, now):
                continue
            if peer.redial or not peer.connected:
                return peer
        return None

    def _must_wait(self, peer: KnownPeer, now: int) -> bool:
        # A moment further ahead than any wait is one long past: the clock wrapped while ours was
        # not set.
        longest_ms = 2 * max(self.max_backoff_ms, self.reconnect_interval_ms)
        return 0 < since(peer.next_attempt, now) <= longest_ms

    def dial_started(self, peer: KnownPeer) -> None:
        """The shell is dialling `peer`; connected() or failed() will follow."""
        peer.dialling = True
        peer.redial = False

    def failed(self, peer: KnownPeer, reason: int, now: int, random_byte: int) -> None:
        """A dial led to no link: try again after the interval, doubled for each failure up to
        max_backoff_ms.
        """
        peer.dialling = False
        if not peer.redial:  # else it says nothing about the new address
            wait_ms = self.reconnect_interval_ms << min(peer.failures, _MAX_DOUBLINGS)
            cap_ms = max(self.max_backoff_ms, self.reconnect_interval_ms)
            peer.next_attempt = after(now, jittered(min(wait_ms, cap_ms), random_byte))
            peer.failures += 1
        if not peer.connected:
            peer.last_error = reason

    # Links

    def connected(self, peer: KnownPeer, unix_time: int) -> None:
        """A link of this peer is up, in either direction."""
        peer.connected = True
        peer.dialling = False
        peer.last_error = peer.failures = 0
        peer.last_connected = unix_time

    def disconnected(self, peer: KnownPeer, reason: int, now: int, random_byte: int) -> None:
        """The peer's link is gone: dial again after one interval, or wait."""
        peer.connected = False
        peer.last_error = reason
        if not peer.redial and not peer.dialling:
            peer.next_attempt = after(now, jittered(self.reconnect_interval_ms, random_byte))

    def refused(
        self, public_key: bytes, reason: int, source: str, now: int, unix_time: int
    ) -> bool:
        """An authenticated caller was refused: the listed peer shows why, an unlisted one becomes
        pending.

        True when the caller is a new pending peer.
        """
        if reason == UNKNOWN_KEY:
            return self.pending.note(public_key, source, now, unix_time)
        peer = self.known_peers.get(public_key)
        if peer is not None and not peer.connected and reason != CLOCK_NOT_SET:
            peer.last_error = reason
        return False


def jittered(interval_ms: int, random_byte: int) -> int:
    """`interval_ms` plus or minus up to one eighth, so that nodes that failed together do not
    retry together.
    """
    return interval_ms - interval_ms // 8 + (interval_ms // 4) * random_byte // 255
