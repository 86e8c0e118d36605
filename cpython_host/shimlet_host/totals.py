"""What passed over links since the node started, also over those that have ended.

In: the calls of news.py when a link comes up or ends, a dial fails, a message is new. Out: totals
of each peer and of all together, which never go back: not when a peer connects again, nor when it
is removed and listed again. Asked by the web API through node.py.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from shimlet.connection import Connection
from shimlet.sentences import name

from shimlet_host.model import LinkTotals
from shimlet_host.roster import counters

# Peers that are remembered: as many strangers (removed peers, neighbors that autopeering found)
# as there can be known peers. Known peers are never forgotten.
MAX_PEERS = 2000
_NO_TOTAL = "queuedBytes"  # it goes up and down


@dataclass(slots=True)
class _Peer:
    """One peer: what its ended links carried, and its live link."""

    live: Connection | None = None
    handshakes: int = 0
    ended: dict[str, int] = field(default_factory=dict)
    dial_errors: Counter[str] = field(default_factory=Counter)

    def totals(self) -> LinkTotals:
        """Ended and live together."""
        now = dict(self.ended)
        _add(now, self.live)
        return LinkTotals(self.handshakes, now, dict(self.dial_errors))


class Totals:
    """The totals of one node."""

    def __init__(self) -> None:
        self.published = 0  # messages of our own
        self.received = 0  # messages of others, each once
        self._links: Mapping[bytes, Connection] = {}
        self._listed: Container[bytes] = ()
        self._peers: OrderedDict[bytes, _Peer] = OrderedDict()  # the last to change at the end
        self._ended: dict[str, int] = {}  # of all peers, forgotten ones too
        self._handshakes = 0
        self._dial_errors: Counter[str] = Counter()

    def follow(self, links: Mapping[bytes, Connection], listed: Container[bytes]) -> None:
        """Where the live links stand, and which peers are known."""
        self._links = links
        self._listed = listed

    # What happens

    def link_up(self, public_key: bytes) -> None:
        """A handshake is through; a link that this one replaces counts as ended."""
        peer = self._peer(public_key)
        self._end(peer)
        peer.live = self._links[public_key]
        peer.handshakes += 1
        self._handshakes += 1

    def link_down(self, public_key: bytes) -> None:
        """The link has ended; its connection is let go."""
        self._end(self._peer(public_key))

    def dial_failed(self, public_key: bytes, reason: int) -> None:
        """A dial led to no link."""
        self._peer(public_key).dial_errors[name(reason)] += 1
        self._dial_errors[name(reason)] += 1

    def message(self, *, own: bool) -> None:
        """A message is new here."""
        self.published += own
        self.received += not own

    def _end(self, peer: _Peer) -> None:
        _add(peer.ended, peer.live)
        _add(self._ended, peer.live)
        peer.live = None

    def _peer(self, public_key: bytes) -> _Peer:
        """Its place in the table, made if need be."""
        peer = self._peers.setdefault(public_key, _Peer())
        self._peers.move_to_end(public_key)
        if len(self._peers) > MAX_PEERS:
            self._forget_a_stranger()
        return peer

    def _forget_a_stranger(self) -> None:
        for public_key, peer in self._peers.items():
            if peer.live is None and public_key not in self._listed:
                del self._peers[public_key]
                return

    # What is asked

    def of_peers(self) -> dict[bytes, LinkTotals]:
        """Of every remembered peer."""
        return {public_key: peer.totals() for public_key, peer in self._peers.items()}

    def of_all(self) -> LinkTotals:
        """Of all peers that there ever were."""
        now = dict(self._ended)
        for peer in self._peers.values():
            _add(now, peer.live)
        return LinkTotals(self._handshakes, now, dict(self._dial_errors))


def _add(carried: dict[str, int], connection: Connection | None) -> None:
    """Count what one link has carried so far."""
    if connection is not None:
        for what, count in counters(connection).items():
            if what != _NO_TOTAL:
                carried[what] = carried.get(what, 0) + count
