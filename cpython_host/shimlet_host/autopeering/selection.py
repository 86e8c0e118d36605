"""Neighbor selection (specification, "Neighbor Selection"): whom we ask, and whom we accept.

Chosen neighbors are asked one after the other, the closest under our public salt first; accepted
ones have asked us, and passed the tests of mana, salt chain and theta. For each message there is a
validate function, for the cheap checks, and an on_ function, which changes state. Called by
protocol.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container

from shimlet_host.autopeering import encoding, messages, networks
from shimlet_host.autopeering.answers import Answer, Answers
from shimlet_host.autopeering.candidates import Candidates
from shimlet_host.autopeering.chains import SaltChains
from shimlet_host.autopeering.events import (
    NeighborAccepted,
    NeighborChosen,
    NeighborDropped,
    SaltUpdated,
)
from shimlet_host.autopeering.local import Local
from shimlet_host.autopeering.neighborhood import Neighbor, Neighborhood
from shimlet_host.autopeering.pacing import Pace
from shimlet_host.autopeering.parameters import (
    ACCEPT_LINK_S,
    NEIGHBORS_PER_SUBNET,
    SALT_LENGTH,
)
from shimlet_host.autopeering.peers import Peer
from shimlet_host.autopeering.reasons import Reason
from shimlet_host.autopeering.requests import Request, Requests
from shimlet_host.autopeering.salt import PublicSalt, SaltChain
from shimlet_host.autopeering.score import score
from shimlet_host.autopeering.timers import Timer
from shimlet_host.autopeering.verification import Verification


class Selection:
    """Both halves of the neighborhood, and the messages 20 to 22."""

    def __init__(
        self, local: Local, requests: Requests, verification: Verification, chain: SaltChain
    ) -> None:
        parameters = local.parameters
        self._local = local
        self._requests = requests
        self._verification = verification
        self._chain = chain
        self.chains = SaltChains(parameters)
        self.candidates = Candidates(local)
        self.chosen = Neighborhood(parameters.max_chosen)
        self.accepted = Neighborhood(parameters.max_accepted)
        self.manual: Container[bytes] = ()  # peered by hand: never asked, never accepted
        self.public_salt = PublicSalt(bytes(SALT_LENGTH), 0)
        self._private_salt = bytes(SALT_LENGTH)
        self._filtered: set[bytes] = set()
        self.refusals: dict[bytes, bool] = {}  # candidates that said no; False: nothing
        self._lost: dict[bytes, None] = {}  # were verified; as many as may be known, oldest first
        self._asking: bytes | None = None
        self.pace = Pace(local, self._update)
        self._salt_timer: Timer | None = None
        self._links: dict[bytes, Timer] = {}  # accepted neighbors that have not dialled yet
        self._answers = Answers()
        verification.peer_verified = self._peer_verified
        verification.peer_lost = self._peer_lost
        verification.is_neighbor = lambda key: key in self.chosen or key in self.accepted

    def start(self) -> None:
        """Set the salts, and begin to look for neighbors."""
        self._update_salts()
        self.pace.next_round()

    # SALTS

    def _update_salts(self) -> None:
        """New salts: neighbors stay, scores change, the filter is cleared."""
        self.public_salt = self._chain.at(self._local.unix_time)
        self._private_salt = self._local.entropy.randbytes(SALT_LENGTH)
        self.candidates.rank(self.public_salt.salt)
        self.chosen.rescore(self.candidates.score)
        self.accepted.rescore(self._inbound_score)
        self._filtered.clear()
        self.pace.reset()
        if self._salt_timer is not None:
            self._salt_timer.cancel()
        left_s = self.public_salt.expiration_time - self._local.unix_time
        self._salt_timer = self._local.after(max(left_s, 1), self._update_salts)
        self._local.events.append(SaltUpdated(*self.public_salt))

    def _inbound_score(self, peer: Peer) -> int:
        return score(self._local.node_id, peer.node_id, self._private_salt)

    # VERIFIED PEERS

    def _peer_verified(self, peer: Peer) -> None:
        is_new = self.candidates.add(peer)
        for half in (self.chosen, self.accepted):
            if peer.public_key in half:
                half.neighbors[peer.public_key].peer = peer
        if is_new and not self.chosen.is_full:
            self.pace.next_round()
        elif peer.public_key in self._lost:
            self._peer_is_back(peer)
        self._lost.pop(peer.public_key, None)

    def _peer_is_back(self, peer: Peer) -> None:
        """A partition may have healed, whose halves are full of their own: look beyond them."""
        self._filtered.discard(peer.public_key)
        if self.chosen.takes(self.candidates.score(peer)):
            self.pace.wake()

    def _peer_lost(self, peer: Peer) -> None:
        if self.candidates.remove(peer):
            self.refusals.pop(peer.public_key, None)
            self.drop(peer.public_key, "unverified")
            self._lost[peer.public_key] = None
            if len(self._lost) > self._local.parameters.max_managed:
                del self._lost[next(iter(self._lost))]

    # CHOOSING

    def _update(self) -> None:
        """Ask the closest peer that may still become a chosen neighbor."""
        if self._asking is not None:
            return
        peer = self._next_candidate()
        if peer is None:
            return self._all_asked()
        known = self._verification.peers.verified[peer.public_key]
        self._asking = peer.public_key
        self._verification.ensure_verified(known, lambda: self._request(peer))

    def _next_candidate(self) -> Peer | None:
        """The closest one under our public salt that was not asked in vain."""
        for outbound_score, key in self.candidates.closest_first():
            if not self.chosen.takes(outbound_score):
                return None
            if key not in self._filtered and self._may_be_neighbor(key):
                return self.candidates.peers[key]
        return None

    def _may_be_neighbor(self, key: bytes) -> bool:
        if key in self.chosen or key in self.accepted or key in self.manual:
            return False
        return self.candidates.mana.includes(key) and self._has_room_in_subnet(
            self.candidates.peers[key]
        )

    def _has_room_in_subnet(self, peer: Peer) -> bool:
        """At most two neighbors of one public subnet."""
        if not self._verification.peers.is_limited(peer.ip):
            return True
        subnet = networks.subnet(peer.ip)
        neighbors = [*self.chosen.neighbors.values(), *self.accepted.neighbors.values()]
        taken = Counter(networks.subnet(neighbor.peer.ip) for neighbor in neighbors)
        return taken[subnet] < NEIGHBORS_PER_SUBNET

    def _all_asked(self) -> None:
        """The list is exhausted: whoever was filtered may be asked again, after a pause."""
        if self.chosen.is_full:
            return self.pace.rest()
        self._filtered.clear()
        self.pace.all_asked()

    def _request(self, peer: Peer) -> None:
        if peer.public_key not in self.candidates.peers:  # lost while we waited for its Ping
            return self._asked(peer.public_key, filtered=False)
        if self._local.unix_time >= self.public_salt.expiration_time:
            self._update_salts()
        salt, expiration_time = self.public_salt
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
        if public_key in self.candidates.peers:  # which bounds it
            self.refusals[public_key] = said_no

    def _asked(self, public_key: bytes, *, filtered: bool) -> None:
        """One request is over; the next one follows at once while a place is free."""
        if filtered:
            self._filtered.add(public_key)
        if self._asking == public_key:
            self._asking = None
        self._update_soon()

    def _update_soon(self) -> None:
        if self.chosen.is_full:
            self.pace.rest()
        else:
            self.pace.next_one()

    def validate_peering_response(
        self, response: messages.PeeringResponse, public_key: bytes, ip: str
    ) -> Reason | None:
        """Whether it answers the request that is open."""
        request = self._requests.find(response, public_key, ip)
        asked = request is not None and public_key == self._asking
        return None if asked else Reason.UNSOLICITED

    def on_peering_response(
        self, response: messages.PeeringResponse, public_key: bytes, ip: str
    ) -> Reason | None:
        """Yes: a chosen neighbor. No: filtered until the next salts, or until all were asked."""
        request = self._requests.find(response, public_key, ip)
        peer = self.candidates.peers.get(public_key)
        if request is None or public_key != self._asking or peer is None:
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
        outbound_score = self.candidates.score(peer)
        taken = peer.public_key in self.accepted or peer.public_key in self.manual
        if taken or not self.chosen.takes(outbound_score):
            self._send_drop(peer)  # it counts us as a neighbor, and we have changed our mind
            self._filtered.add(peer.public_key)
            return
        self._make_room(self.chosen)
        self.chosen.add(Neighbor(peer, outbound_score, self._local.unix_time))
        self._local.events.append(NeighborChosen(peer))

    # ACCEPTING

    def validate_peering_request(self, request: messages.PeeringRequest) -> Reason | None:
        """Freshness and the form of the salt."""
        reason = self._local.freshness(request.timestamp)
        if reason is not None:
            return reason
        if request.salt is None or len(request.salt) != SALT_LENGTH:
            return Reason.BAD_SALT
        expiration_time = request.expiration_time
        expiration_time -= 1 << 64 if expiration_time >> 63 else 0  # existing nodes read an int64
        return Reason.BAD_SALT if expiration_time <= self._local.unix_time else None

    def on_peering_request(
        self, request: messages.PeeringRequest, public_key: bytes, ip: str, req_hash: bytes
    ) -> Reason | None:
        """Accept, refuse, or discard without an answer."""
        sender = self._verification.peers.verified_at(public_key, ip)
        if sender is None or sender.peer is None:
            return Reason.UNVERIFIED
        before = self._answers.find(public_key, req_hash)
        if before is not None:
            if before.ip != ip:
                return Reason.OTHER_ADDRESS
            self._answer(sender.peer, req_hash, before.status)
            return None
        decision = self._decide(request, sender.peer)
        if isinstance(decision, Reason):
            return decision
        self._answers.keep(public_key, req_hash, Answer(ip, decision))
        self._answer(sender.peer, req_hash, decision)
        return None

    def _answer(self, peer: Peer, req_hash: bytes, status: bool) -> None:
        response = messages.PeeringResponse(req_hash, status)
        self._local.send(encoding.encode_peering_response(response), peer.address)

    def _decide(self, request: messages.PeeringRequest, peer: Peer) -> bool | Reason:
        """The checks in the order of protocol.md; True makes the peer a neighbor."""
        in_chain = self._is_in_chain(request, peer.public_key)
        key = peer.public_key
        if key in self.chosen or key in self.accepted or key in self.manual:
            return False
        if not peer.gossip_port or not self.candidates.mana.includes(key):
            return False
        if not in_chain:
            return Reason.SALT_CHAIN
        assert request.salt is not None
        if score(peer.node_id, self._local.node_id, request.salt) >= self.candidates.theta():
            return Reason.THETA
        if not self._has_room_in_subnet(peer) or self._is_our_turn(key):
            return False
        return self._accept(peer)

    def _is_in_chain(self, request: messages.PeeringRequest, public_key: bytes) -> bool:
        """Recorded before any other check, whatever the answer."""
        if not self._local.parameters.check_salt_chain:
            return True
        salt, expiration_time = request.salt or b"", request.expiration_time
        unix_time = self._local.unix_time
        return self.chains.check(public_key, salt, expiration_time, request.timestamp, unix_time)

    def _is_our_turn(self, public_key: bytes) -> bool:
        """Both request each other at the same moment: the request of the smaller key counts."""
        return self._asking == public_key and self._local.public_key < public_key

    def _accept(self, peer: Peer) -> bool:
        inbound_score = self._inbound_score(peer)
        if not self.accepted.takes(inbound_score):
            return False
        self._make_room(self.accepted)
        key = peer.public_key
        self.accepted.add(Neighbor(peer, inbound_score, self._local.unix_time))
        self.refusals.pop(key, None)
        self._links[key] = self._local.after(ACCEPT_LINK_S, lambda: self.drop(key, "no-link"))
        self._local.events.append(NeighborAccepted(peer))
        return True

    # HOW IT STANDS

    def open_candidates(self) -> tuple[set[bytes], set[bytes], set[bytes]]:
        """Verified peers that might become neighbors: all of them, those whom mana lets, and of
        these those whom theta lets.
        """
        peers, mana = self.candidates.peers, self.candidates.mana
        taken = self.chosen.neighbors.keys() | self.accepted.neighbors.keys()
        every = {key for key in peers.keys() - taken if peers[key].gossip_port}
        every = {key for key in every if key not in self.manual}
        similar = {key for key in every if mana.includes(key)}
        return every, similar, similar & {key for _, key in self.candidates.closest_first()}

    # LINKS AND DROPS

    def link_up(self, public_key: bytes) -> None:
        """The TCP link to a neighbor stands."""
        timer = self._links.pop(public_key, None)
        if timer is not None:
            timer.cancel()

    def drop(self, public_key: bytes, why: str, *, tell: bool = True) -> None:
        """End being neighbors, for whatever reason; others learn it by a PeeringDrop."""
        self.link_up(public_key)
        for half in (self.chosen, self.accepted):
            neighbor = half.remove(public_key)
            if neighbor is None:
                continue
            if tell:
                self._send_drop(neighbor.peer)
            self._local.events.append(NeighborDropped(neighbor.peer, why))
            if half is self.chosen:
                self._filtered.add(public_key)
                if why != "replaced":  # whoever replaces it is there already
                    self._update_soon()

    def _make_room(self, half: Neighborhood) -> None:
        """The farthest neighbor of a full half gives way to a closer one."""
        farthest = half.farthest() if half.is_full else None
        if farthest is not None:
            self.drop(farthest.peer.public_key, "replaced")

    def _send_drop(self, peer: Peer) -> None:
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
