"""Neighbor selection (specification, "Neighbor Selection"): salts, and what binds its parts.

The parts are candidates.py (who counts, and who is how close), choosing.py (whom we ask),
accepting.py (who asks us) and neighborhood.py (who is a neighbor). Here the salts are renewed, and
the parts learn who is verified. Called by protocol.py.
"""

from __future__ import annotations

from shimlet_host.autopeering.accepting import Accepting
from shimlet_host.autopeering.candidates import Candidates
from shimlet_host.autopeering.choosing import Choosing
from shimlet_host.autopeering.events import SaltUpdated
from shimlet_host.autopeering.local import Local
from shimlet_host.autopeering.neighborhood import Neighborhood
from shimlet_host.autopeering.parameters import SALT_LENGTH
from shimlet_host.autopeering.peers import Peer
from shimlet_host.autopeering.requests import Requests
from shimlet_host.autopeering.salt import PublicSalt, SaltChain
from shimlet_host.autopeering.timers import Timer
from shimlet_host.autopeering.verification import Verification


class Selection:
    """All of neighbor selection of one node."""

    def __init__(
        self, local: Local, requests: Requests, verification: Verification, chain: SaltChain
    ) -> None:
        self._local = local
        self._chain = chain
        self.public_salt = PublicSalt(bytes(SALT_LENGTH), 0)
        self._salt_timer: Timer | None = None
        self._lost: dict[bytes, None] = {}  # were verified; as many as may be known, oldest first
        self.candidates = Candidates(local)
        self.neighborhood = Neighborhood(local, verification.peers)
        self.chosen, self.accepted = self.neighborhood.chosen, self.neighborhood.accepted
        self.choosing = Choosing(
            local,
            requests,
            verification,
            self.candidates,
            self.neighborhood,
            self._current_salt,
        )
        self.accepting = Accepting(
            local, verification.peers, self.candidates, self.neighborhood, self.choosing
        )
        verification.peer_verified = self._peer_verified
        verification.peer_lost = self._peer_lost
        verification.is_neighbor = self.neighborhood.includes

    def start(self) -> None:
        """Set the salts, and begin to look for neighbors."""
        self._update_salts()
        self.choosing.pace.next_round()

    # SALTS

    def _update_salts(self) -> None:
        """New salts: neighbors stay, scores change, the filter is cleared."""
        self.public_salt = self._chain.at(self._local.unix_time)
        self.candidates.rank(self.public_salt.salt)
        self.chosen.rescore(self.candidates.score)
        self.accepting.renew_salt()
        self.choosing.salts_updated()
        if self._salt_timer is not None:
            self._salt_timer.cancel()
        left_s = self.public_salt.expiration_time - self._local.unix_time
        self._salt_timer = self._local.after(max(left_s, 1), self._update_salts)
        self._local.events.append(SaltUpdated(*self.public_salt))

    def _current_salt(self) -> PublicSalt:
        """The public salt of this moment, also if a sleep or a jump of the clock has left it
        before its timer.
        """
        left_s = self.public_salt.expiration_time - self._local.unix_time
        if not 0 < left_s <= int(self._local.parameters.salt_update_interval_s):
            self._update_salts()
        return self.public_salt

    # VERIFIED PEERS

    def _peer_verified(self, peer: Peer) -> None:
        is_new = self.candidates.add(peer)
        self.neighborhood.moved(peer)
        if is_new and not self.chosen.is_full:
            self.choosing.pace.next_round()
        elif peer.public_key in self._lost:
            self.choosing.peer_is_back(peer)
        self._lost.pop(peer.public_key, None)

    def _peer_lost(self, peer: Peer) -> None:
        if self.candidates.remove(peer):
            self.neighborhood.drop(peer.public_key, "unverified")
            self.choosing.peer_is_lost(peer.public_key)
            self._lost[peer.public_key] = None
            if len(self._lost) > self._local.parameters.max_managed:
                del self._lost[next(iter(self._lost))]

    # HOW IT STANDS

    def open_candidates(self) -> tuple[int, int, set[bytes]]:
        """Verified peers that might become neighbors: how many, how many of these mana lets, and
        those of them whom theta lets.

        Counted from what is kept in order anyway: with 1,000 of them, theta lets some 30.
        """
        candidates = self.candidates
        taken = set(filter(candidates.takes_neighbors, self.neighborhood.closed()))
        in_range = {key for _, key in candidates.closest_first()} - taken
        every = len(candidates) - len(taken)
        if candidates.mana.includes_all():
            return every, every, in_range
        includes = candidates.mana.includes
        similar = sum(map(includes, candidates)) - sum(map(includes, taken))
        return every, similar, set(filter(includes, in_range))
