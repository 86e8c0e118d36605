"""Pending peers: authenticated callers whose key nobody listed, remembered so that the operator
can accept them.

Bounded twice: at most `capacity` are kept (admission.py decides who goes), and new ones enter at
most once a second with a burst of RATE_BURST, because a key costs a stranger nothing. Called by
manual.py.
"""

from shimlet.admission import crowded_out
from shimlet.ticks import since
from shimlet.wire import const

MAX_PENDING = 32  # more than an operator reads; a board keeps fewer
RATE_BURST = 8
_RATE_INTERVAL_MS = const(1000)


class PendingPeer:
    """A caller that proved to own `public_key`, from IP `source`; times are unix seconds."""

    def __init__(self, public_key: bytes, source: str, unix_time: int) -> None:
        self.public_key = public_key
        self.source = source
        self.first_seen = self.last_seen = unix_time
        self.attempts = 1


class PendingPeers:
    """The table of pending peers, in order of arrival."""

    def __init__(self, capacity: int = MAX_PENDING) -> None:
        self.capacity = capacity
        self.peers: list[PendingPeer] = []
        self._tokens = RATE_BURST
        self._refilled = 0

    def note(self, public_key: bytes, source: str, now: int, unix_time: int) -> bool:
        """A caller with an unlisted key; True when it is new in the table."""
        for peer in self.peers:
            if peer.public_key == public_key:
                peer.last_seen = unix_time
                peer.source = source
                peer.attempts += 1
                return False
        if not self._take_token(now):
            return False
        if len(self.peers) >= self.capacity:
            del self.peers[crowded_out([peer.source for peer in self.peers])]
        self.peers.append(PendingPeer(public_key, source, unix_time))
        return True

    def forget(self, public_key: bytes) -> None:
        """The key is listed now."""
        self.peers = [peer for peer in self.peers if peer.public_key != public_key]

    def _take_token(self, now: int) -> bool:
        earned = since(now, self._refilled) // _RATE_INTERVAL_MS
        if earned:
            # A negative count only means that nobody called for six days: the bucket is full then.
            self._tokens = RATE_BURST if earned < 0 else min(RATE_BURST, self._tokens + earned)
            self._refilled = now
        if not self._tokens:
            return False
        self._tokens -= 1
        return True
