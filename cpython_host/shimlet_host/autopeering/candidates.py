"""The verified peers as possible neighbors: who of them counts, and who is how close to us.

They are kept in ascending order of their score under our public salt, the order in which they are
asked. Called by selection.py.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from shimlet_host.autopeering.local import Local
from shimlet_host.autopeering.mana import ManaRank
from shimlet_host.autopeering.peers import Peer
from shimlet_host.autopeering.score import WHOLE, auto_theta, score


class Candidates:
    """All verified peers. `salt` is our public one."""

    def __init__(self, local: Local) -> None:
        parameters = local.parameters
        self._local = local
        self._salt = b""
        self._ranking: list[tuple[int, bytes]] = []  # those with gossip, closest first
        self.peers: dict[bytes, Peer] = {}
        self.mana = ManaRank(local.public_key, parameters.r, parameters.ro)

    def __len__(self) -> int:
        """How many take neighbors."""
        return len(self._ranking)

    def __iter__(self) -> Iterator[bytes]:
        """The public keys of these, the closest first."""
        return (key for _, key in self._ranking)

    def takes_neighbors(self, public_key: bytes) -> bool:
        """Whether this is one of them."""
        peer = self.peers.get(public_key)
        return peer is not None and peer.gossip_port > 0

    def rank(self, salt: bytes) -> None:
        """A new public salt: all scores are new."""
        self._salt = salt
        self._ranking = sorted(
            (self.score(peer), key) for key, peer in self.peers.items() if peer.gossip_port
        )

    def score(self, peer: Peer) -> int:
        """How far a peer is from us under our public salt."""
        return score(self._local.node_id, peer.node_id, self._salt)

    def add(self, peer: Peer) -> bool:
        """A peer was verified; whether it is new."""
        before = self.peers.get(peer.public_key)
        if before is None:
            self.mana.add(peer.public_key)
        else:
            self._unrank(before)
        self.peers[peer.public_key] = peer
        if peer.gossip_port:
            insort(self._ranking, (self.score(peer), peer.public_key))
        return before is None

    def remove(self, peer: Peer) -> bool:
        """A peer is verified no more; False if it is, elsewhere."""
        known = self.peers.get(peer.public_key)
        if known is None or known.ip != peer.ip:
            return False
        del self.peers[peer.public_key]
        self.mana.remove(peer.public_key)
        self._unrank(known)
        return True

    def _unrank(self, peer: Peer) -> None:
        entry = (self.score(peer), peer.public_key)
        at = bisect_left(self._ranking, entry)
        if at < len(self._ranking) and self._ranking[at] == entry:
            del self._ranking[at]

    def closest_first(self) -> Iterator[tuple[int, bytes]]:
        """Score and public key, as far as the theta test of the others lets us pass.

        How many potential neighbors they know, and so their theta, we take to be as with us.
        """
        theta = self.theta()
        for outbound_score, key in self._ranking:
            if outbound_score >= theta:
                return
            yield outbound_score, key

    def theta(self) -> float:
        """The threshold of the theta test, as a score."""
        parameters = self._local.parameters
        if not parameters.check_theta:
            return float(WHOLE)
        theta = parameters.theta
        if theta is None:
            potential = min(len(self._ranking), self.mana.potential())
            theta = auto_theta(parameters.k, potential)
        return theta * WHOLE
