"""Chosen neighbors: whom we ask, the closest under our public salt first (messages 20 and 21).

One request is open at a time. Who says no or nothing is filtered until the next salts, or until
all were asked. The validate function is for the cheap checks, on_ changes state; both are called
by protocol.py, the rest by selection.py.
"""

from __future__ import annotations

from collections.abc import Callable

from shimlet_host.autopeering import encoding, messages
from shimlet_host.autopeering.candidates import Candidates
from shimlet_host.autopeering.local import Local
from shimlet_host.autopeering.neighborhood import Neighborhood
from shimlet_host.autopeering.pacing import Pace
from shimlet_host.autopeering.peers import Peer
from shimlet_host.autopeering.reasons import Reason
from shimlet_host.autopeering.requests import Request, Requests
from shimlet_host.autopeering.salt import PublicSalt
from shimlet_host.autopeering.verification import Verification


class Choosing:
    """The half of the neighborhood that is ours to fill. `public_salt` gives the one of now."""

    def __init__(
        self,
        local: Local,
        requests: Requests,
        verification: Verification,
        candidates: Candidates,
        neighborhood: Neighborhood,
        public_salt: Callable[[], PublicSalt],
    ) -> None:
        self._local = local
        self._requests = requests
        self._verification = verification
        self._candidates = candidates
        self._neighborhood = neighborhood
        self._chosen = neighborhood.chosen
        self._public_salt = public_salt
        self._filtered: set[bytes] = set()  # candidates, which bounds it
        self.refusals: dict[bytes, bool] = {}  # candidates that said no; False: nothing
        self.asking: bytes | None = None  # who is asked now
        self.pace = Pace(local, self._update)
        neighborhood.chosen_gone = self._gone

    # WHAT SELECTION TELLS

    def salts_updated(self) -> None:
        """Everybody may be asked again, and there may be closer peers."""
        self._filtered.clear()
        self.pace.reset()

    def peer_is_lost(self, public_key: bytes) -> None:
        """It is no candidate any more, so whatever it answered is forgotten."""
        self.refusals.pop(public_key, None)
        self._filtered.discard(public_key)

    def peer_is_back(self, peer: Peer) -> None:
        """A partition may have healed, whose halves are full of their own: look beyond them."""
        if self._chosen.takes(self._candidates.score(peer)):
            self.pace.wake()

    def _gone(self, public_key: bytes, is_free: bool) -> None:
        """Of a chosen neighbor: whoever replaces it is there already, or is looked for now."""
        self._filtered.add(public_key)
        if is_free:
            self._update_soon()

    # ASKING

    def _update(self) -> None:
        """Ask the closest peer that may still become a chosen neighbor."""
        if self.asking is not None:
            return
        peer = self._next_candidate()
        if peer is None:
            return self._all_asked()
        known = self._verification.peers.verified[peer.public_key]
        self.asking = peer.public_key
        self._verification.mutual.ensure(known, lambda: self._request(peer))

    def _next_candidate(self) -> Peer | None:
        """The closest one under our public salt that was not asked in vain."""
        for outbound_score, key in self._candidates.closest_first():
            if not self._chosen.takes(outbound_score):
                return None
            if key not in self._filtered and self._may_be_neighbor(key):
                return self._candidates.peers[key]
        return None

    def _may_be_neighbor(self, key: bytes) -> bool:
        return (
            self._neighborhood.may_include(key)
            and self._candidates.mana.includes(key)
            and self._neighborhood.has_room_in_subnet(self._candidates.peers[key])
        )

    def _all_asked(self) -> None:
        """The list is exhausted: whoever was filtered may be asked again, after a pause."""
        if self._chosen.is_full:
            return self.pace.rest()
        self._filtered.clear()
        self.pace.all_asked()

    def _request(self, peer: Peer) -> None:
        if peer.public_key not in self._candidates.peers:  # lost while we waited for its Ping
            return self._asked(peer.public_key, filtered=False)
        salt, expiration_time = self._public_salt()
        asked = messages.PeeringRequest(self._local.unix_time, salt, expiration_time)
        data = encoding.encode_peering_request(asked)
        request = Request(
            peer.public_key,
            peer.address,
            self._local.parameters.max_peering_attempts,
            messages.PeeringResponse,
            lambda: data,
            lambda: self._was_silent(peer.public_key),
        )
        if not self._requests.start(request):
            self._asked(peer.public_key, filtered=False)

    def _was_silent(self, public_key: bytes) -> None:
        self._note_refusal(public_key, said_no=False)
        self._asked(public_key, filtered=True)

    def _note_refusal(self, public_key: bytes, *, said_no: bool) -> None:
        if public_key in self._candidates.peers:  # which bounds it
            self.refusals[public_key] = said_no

    def _asked(self, public_key: bytes, *, filtered: bool) -> None:
        """One request is over; the next one follows at once while a place is free."""
        if filtered and public_key in self._candidates.peers:
            self._filtered.add(public_key)
        if self.asking == public_key:
            self.asking = None
        self._update_soon()

    def _update_soon(self) -> None:
        if self._chosen.is_full:
            self.pace.rest()
        else:
            self.pace.next_one()

    # THE ANSWER

    def validate_peering_response(
        self, response: messages.PeeringResponse, public_key: bytes, ip: str
    ) -> Reason | None:
        """Whether it answers the request that is open."""
        request = self._requests.find(response, public_key, ip)
        asked = request is not None and public_key == self.asking
        return None if asked else Reason.UNSOLICITED

    def on_peering_response(
        self, response: messages.PeeringResponse, public_key: bytes, ip: str
    ) -> Reason | None:
        """Yes: a chosen neighbor. No: filtered until the next salts, or until all were asked."""
        request = self._requests.find(response, public_key, ip)
        peer = self._candidates.peers.get(public_key)
        if request is None or public_key != self.asking or peer is None:
            return Reason.UNSOLICITED
        self._requests.close(request)
        if response.status:
            self.refusals.pop(public_key, None)
            self._choose(peer)
        else:
            self._note_refusal(public_key, said_no=True)
        self._asked(public_key, filtered=not response.status)
        return None

    def _choose(self, peer: Peer) -> None:
        """It counts us as a neighbor already, so it has to hear of it if we have changed our
        mind meanwhile.
        """
        neighborhood, outbound_score = self._neighborhood, self._candidates.score(peer)
        has_room = neighborhood.may_include(peer.public_key)
        has_room = has_room and neighborhood.has_room_in_subnet(peer)
        if not has_room or not self._chosen.takes(outbound_score):
            neighborhood.send_drop(peer)
            self._filtered.add(peer.public_key)
        else:
            neighborhood.choose(peer, outbound_score)
