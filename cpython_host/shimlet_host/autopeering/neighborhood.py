"""Who is a neighbor: chosen and accepted ones, how each begins and how it ends (message 22).

Both halves are the same thing: some places, of which the farthest neighbor gives way to a closer
one. Peers that are peered by hand are named here since they are never asked and never accepted.
Called by choosing.py, accepting.py and selection.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import chain

from shimlet_host.autopeering import encoding, messages, networks
from shimlet_host.autopeering.events import NeighborAccepted, NeighborChosen, NeighborDropped
from shimlet_host.autopeering.local import Local
from shimlet_host.autopeering.parameters import ACCEPT_LINK_S, NEIGHBORS_PER_SUBNET
from shimlet_host.autopeering.peers import Peer, Peers
from shimlet_host.autopeering.reasons import Reason
from shimlet_host.autopeering.timers import Timer


@dataclass(slots=True)
class Neighbor:
    """A peer that is a neighbor, its score, and the unix time since when."""

    peer: Peer
    score: int
    since: int


class Half:
    """At most `size` neighbors, by public key, each with its score under one salt."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.neighbors: dict[bytes, Neighbor] = {}

    def __len__(self) -> int:
        return len(self.neighbors)

    def __contains__(self, public_key: bytes) -> bool:
        return public_key in self.neighbors

    @property
    def is_full(self) -> bool:
        """Whether one more must push another out."""
        return len(self.neighbors) >= self.size

    def farthest(self) -> Neighbor | None:
        """The neighbor with the highest score."""
        return max(self.neighbors.values(), key=lambda neighbor: neighbor.score, default=None)

    def takes(self, score: int) -> bool:
        """Whether there is room for this score, or a farther neighbor to replace."""
        if not self.is_full:
            return True
        farthest = self.farthest()
        return farthest is not None and score < farthest.score

    def rescore(self, score_of: Callable[[Peer], int]) -> None:
        """A new salt: neighbors stay, with new scores."""
        for neighbor in self.neighbors.values():
            neighbor.score = score_of(neighbor.peer)


class Neighborhood:
    """Both halves. `chosen_gone` is called for a chosen neighbor that is none any more, with
    whether its place is free.
    """

    def __init__(self, local: Local, peers: Peers) -> None:
        self._local = local
        self._peers = peers
        self.chosen = Half(local.parameters.max_chosen)
        self.accepted = Half(local.parameters.max_accepted)
        self.manual: Collection[bytes] = ()  # peered by hand
        self.chosen_gone: Callable[[bytes, bool], None] = lambda public_key, is_free: None
        self._links: dict[bytes, Timer] = {}  # accepted neighbors that have not dialled yet

    def includes(self, public_key: bytes) -> bool:
        """Whether this is a neighbor."""
        return public_key in self.chosen or public_key in self.accepted

    def may_include(self, public_key: bytes) -> bool:
        """Whether it could be one: it is none, and not peered by hand."""
        return not self.includes(public_key) and public_key not in self.manual

    def closed(self) -> Iterator[bytes]:
        """All who could not be one."""
        return chain(self.chosen.neighbors, self.accepted.neighbors, self.manual)

    def has_room_in_subnet(self, peer: Peer) -> bool:
        """At most two neighbors of one public subnet."""
        if not self._peers.is_limited(peer.ip):
            return True
        subnet = networks.subnet(peer.ip)
        neighbors = [*self.chosen.neighbors.values(), *self.accepted.neighbors.values()]
        taken = Counter(networks.subnet(neighbor.peer.ip) for neighbor in neighbors)
        return taken[subnet] < NEIGHBORS_PER_SUBNET

    def moved(self, peer: Peer) -> None:
        """A verified peer has other addresses or services now."""
        for half in (self.chosen, self.accepted):
            if peer.public_key in half:
                half.neighbors[peer.public_key].peer = peer

    # BEGINNING

    def choose(self, peer: Peer, outbound_score: int) -> None:
        """It said yes: a chosen neighbor."""
        self._add(self.chosen, peer, outbound_score)
        self._local.events.append(NeighborChosen(peer))

    def accept(self, peer: Peer, inbound_score: int) -> None:
        """We say yes: an accepted neighbor, which has to dial soon."""
        self._add(self.accepted, peer, inbound_score)
        key = peer.public_key
        self._links[key] = self._local.after(ACCEPT_LINK_S, lambda: self.drop(key, "no-link"))
        self._local.events.append(NeighborAccepted(peer))

    def _add(self, half: Half, peer: Peer, score: int) -> None:
        """The farthest neighbor of a full half gives way."""
        farthest = half.farthest() if half.is_full else None
        if farthest is not None:
            self.drop(farthest.peer.public_key, "replaced")
        half.neighbors[peer.public_key] = Neighbor(peer, score, self._local.unix_time)

    def link_up(self, public_key: bytes) -> None:
        """The TCP link to a neighbor stands."""
        timer = self._links.pop(public_key, None)
        if timer is not None:
            timer.cancel()

    # ENDING

    def drop(self, public_key: bytes, why: str, *, tell: bool = True) -> None:
        """End being neighbors, for whatever reason; others learn it by a PeeringDrop."""
        self.link_up(public_key)
        for half in (self.chosen, self.accepted):
            neighbor = half.neighbors.pop(public_key, None)
            if neighbor is None:
                continue
            if tell:
                self.send_drop(neighbor.peer)
            self._local.events.append(NeighborDropped(neighbor.peer, why))
            if half is self.chosen:
                self.chosen_gone(public_key, why != "replaced")

    def send_drop(self, peer: Peer) -> None:
        """Tell a peer that it is no neighbor of ours."""
        drop = messages.PeeringDrop(self._local.unix_time)
        self._local.send(encoding.encode_peering_drop(drop), peer.address)

    def validate_peering_drop(
        self, drop: messages.PeeringDrop, key: bytes, ip: str
    ) -> Reason | None:
        """Fresh, and from the address of a neighbor."""
        reason = self._local.freshness(drop.timestamp)
        if reason is not None:
            return reason
        half = self.chosen if key in self.chosen else self.accepted
        neighbor = half.neighbors.get(key)
        if neighbor is None or neighbor.peer.ip != ip:
            return Reason.NOT_A_NEIGHBOR
        return None

    def on_peering_drop(self, drop: messages.PeeringDrop, key: bytes, ip: str) -> Reason | None:
        """The neighbor is none any more."""
        reason = self.validate_peering_drop(drop, key, ip)
        if reason is None:
            self.drop(key, "dropped-by-peer", tell=False)
        return reason
