"""Neighbor selection (specification, "Neighbor Selection"): whom we ask, and whom we accept.

Chosen neighbors are asked one after the other, the closest under our public salt first; accepted
ones have asked us, and passed the tests of mana, salt chain and theta. As in discovery.py there is
a validate function for the cheap checks of each message, and an on_ function that changes state.
Called by protocol.py.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Container

from shimlet_host.autopeering import encoding, messages, networks
from shimlet_host.autopeering.chains import SaltChains
from shimlet_host.autopeering.discovery import Discovery
from shimlet_host.autopeering.events import (
    NeighborAccepted,
    NeighborChosen,
    NeighborDropped,
    SaltUpdated,
)
from shimlet_host.autopeering.local import Local
from shimlet_host.autopeering.mana import ManaRank
from shimlet_host.autopeering.neighborhood import Neighbor, Neighborhood
from shimlet_host.autopeering.parameters import (
    ACCEPT_LINK_S,
    MAX_REPEATS,
    NEIGHBORS_PER_SUBNET,
    SALT_LENGTH,
)
from shimlet_host.autopeering.peers import Peer
from shimlet_host.autopeering.reasons import Reason
from shimlet_host.autopeering.requests import Request, Requests
from shimlet_host.autopeering.salt import PublicSalt, SaltChain
from shimlet_host.autopeering.score import WHOLE, auto_theta, score
from shimlet_host.autopeering.timers import Timer

_NEXT_S = 0.1  # random pause between two requests of one round, at most
_ALL_ASKED_S = 2.0  # pause after everybody was asked in vain, before they are asked again
# Each neighbor that a full node replaces leaves one place empty and, most times, one node short,
# and the places that are left are rarely within the reach of those who look. So a full node looks
# for closer peers after fullOutboundUpdateInterval, then after 8 and 64 times as long, until the
# next salts. Without this some 95 % of 100 nodes have all their neighbors, with it 99 %.
_REST_GROWTH = 8
_MAX_REST = 2


class Selection:
    """Both halves of the neighborhood, and the messages 20 to 22."""

    def __init__(
        self, local: Local, requests: Requests, discovery: Discovery, chain: SaltChain
    ) -> None:
        parameters = local.parameters
        self._local = local
        self._requests = requests
        self._discovery = discovery
        self._chain = chain
        self.chains = SaltChains(parameters)
        self.mana = ManaRank(local.public_key, parameters.r, parameters.ro)
        self.chosen = Neighborhood(parameters.max_chosen)
        self.accepted = Neighborhood(parameters.max_accepted)
        self.manual: Container[bytes] = ()  # peered by hand: never asked, never accepted
        self.public_salt = PublicSalt(bytes(SALT_LENGTH), 0)
        self._private_salt = bytes(SALT_LENGTH)
        self._ranking: list[tuple[int, bytes]] = []  # verified peers with gossip, closest first
        self._candidates: dict[bytes, Peer] = {}
        self._filtered: set[bytes] = set()
        self._asking: bytes | None = None
        self._timer: Timer | None = None
        self._rest = 0  # how often we have looked for closer peers since the last salts
        self._links: dict[bytes, Timer] = {}  # accepted neighbors that have not dialled yet
        self._answered: dict[tuple[bytes, bytes], tuple[str, bool, int]] = {}
        discovery.peer_verified = self._peer_verified
        discovery.peer_lost = self._peer_lost

    def start(self) -> None:
        """Set the salts, and begin to look for neighbors."""
        self._update_salts()
        self._update_in(self._pause_s())

    # SALTS

    def _update_salts(self) -> None:
        """New salts: neighbors stay, scores change, the filter is cleared."""
        self.public_salt = self._chain.at(self._local.unix_time)
        self._private_salt = self._local.entropy.randbytes(SALT_LENGTH)
        self.chosen.rescore(self._outbound_score)
        self.accepted.rescore(self._inbound_score)
        self._filtered.clear()
        self._rest = 0
        self._ranking = sorted(
            (self._outbound_score(peer.node_id), key) for key, peer in self._candidates.items()
        )
        left_s = self.public_salt.expiration_time - self._local.unix_time
        self._local.after(max(left_s, 1), self._update_salts)
        self._local.events.append(SaltUpdated(*self.public_salt))

    def _outbound_score(self, node_id: bytes) -> int:
        return score(self._local.node_id, node_id, self.public_salt.salt)

    def _inbound_score(self, node_id: bytes) -> int:
        return score(self._local.node_id, node_id, self._private_salt)

    # CANDIDATES

    def _peer_verified(self, peer: Peer) -> None:
        key = peer.public_key
        known = self._candidates.pop(key, None)
        if known is None:
            self.mana.add(key)
        else:
            self._unrank(known)
        self._candidates[key] = peer
        if peer.gossip_port:
            insort(self._ranking, (self._outbound_score(peer.node_id), key))
        for half in (self.chosen, self.accepted):
            if key in half:
                half.neighbors[key].peer = peer
        if known is None and not self.chosen.is_full:
            self._update_in(self._pause_s())

    def _peer_lost(self, peer: Peer) -> None:
        known = self._candidates.get(peer.public_key)
        if known is None or known.ip != peer.ip:
            return
        del self._candidates[peer.public_key]
        self.mana.remove(peer.public_key)
        self._unrank(known)
        self.drop(peer.public_key, "unverified")

    def _unrank(self, peer: Peer) -> None:
        entry = (self._outbound_score(peer.node_id), peer.public_key)
        at = bisect_left(self._ranking, entry)
        if at < len(self._ranking) and self._ranking[at] == entry:
            del self._ranking[at]

    def _theta(self) -> float:
        """The threshold of the theta test, as a score."""
        parameters = self._local.parameters
        if not parameters.check_theta:
            return float(WHOLE)
        theta = parameters.theta
        if theta is None:
            theta = auto_theta(parameters.k, len(self._ranking))
        return theta * WHOLE

    # CHOOSING

    def _pause_s(self) -> float:
        """Random, so that two nodes do not request each other again and again together."""
        parameters = self._local.parameters
        usual_s = parameters.outbound_update_interval_s
        if self.chosen.is_full:
            usual_s = parameters.full_outbound_update_interval_s * _REST_GROWTH**self._rest
            self._rest = min(self._rest + 1, _MAX_REST)
        return self._local.between(0.5, 1.5) * usual_s

    def _update_in(self, delay_s: float) -> None:
        """Look for a chosen neighbor then, or earlier if that is settled already."""
        if self._timer is not None:
            if self._timer.at <= self._local.now + delay_s:
                return
            self._timer.cancel()
        self._timer = self._local.after(delay_s, self._update)

    def _update(self) -> None:
        """Ask the closest peer that may still become a chosen neighbor."""
        self._timer = None
        if self._asking is not None:
            return
        peer = self._next_candidate()
        if peer is None:
            return self._all_asked()
        known = self._discovery.peers.verified[peer.public_key]
        self._asking = peer.public_key
        self._discovery.ensure_verified(known, lambda: self._request(peer))

    def _next_candidate(self) -> Peer | None:
        """The closest one under our public salt that was not asked in vain."""
        theta = self._theta()
        for outbound_score, key in self._ranking:
            if outbound_score >= theta or not self.chosen.takes(outbound_score):
                return None
            if key not in self._filtered and self._may_be_neighbor(key):
                return self._candidates[key]
        return None

    def _may_be_neighbor(self, key: bytes) -> bool:
        if key in self.chosen or key in self.accepted or key in self.manual:
            return False
        return self.mana.includes(key) and self._has_room_in_subnet(self._candidates[key])

    def _has_room_in_subnet(self, peer: Peer) -> bool:
        """At most two neighbors of one public subnet."""
        if not self._discovery.peers.is_limited(peer.ip):
            return True
        subnet = networks.subnet(peer.ip)
        neighbors = [*self.chosen.neighbors.values(), *self.accepted.neighbors.values()]
        taken = Counter(networks.subnet(neighbor.peer.ip) for neighbor in neighbors)
        return taken[subnet] < NEIGHBORS_PER_SUBNET

    def _all_asked(self) -> None:
        """The list is exhausted: whoever was filtered may be asked again, after a pause."""
        if self.chosen.is_full:
            return self._update_in(self._pause_s())
        self._filtered.clear()
        self._update_in(self._local.between(0.5, 1.5) * _ALL_ASKED_S)

    def _request(self, peer: Peer) -> None:
        if peer.public_key not in self._candidates:  # it was lost while we waited for its Ping
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
            lambda: data,
            lambda: self._asked(peer.public_key, filtered=True),
        )
        if not self._requests.start(request):
            self._asked(peer.public_key, filtered=False)

    def _asked(self, public_key: bytes, *, filtered: bool) -> None:
        """One request is over; the next one follows at once while a place is free."""
        if filtered:
            self._filtered.add(public_key)
        if self._asking == public_key:
            self._asking = None
        self._update_soon()

    def _update_soon(self) -> None:
        """Fill a free place at once; a full neighborhood is at rest."""
        if not self.chosen.is_full:
            self._update_in(self._local.between(0, _NEXT_S))
        elif self._timer is None:
            self._update_in(self._pause_s())

    def validate_peering_response(
        self, response: messages.PeeringResponse, public_key: bytes, ip: str
    ) -> Reason | None:
        """Whether it answers the request that is open."""
        request = self._requests.find(public_key, ip, response.req_hash)
        asked = request is not None and public_key == self._asking
        return None if asked else Reason.UNSOLICITED

    def on_peering_response(
        self, response: messages.PeeringResponse, public_key: bytes, ip: str
    ) -> Reason | None:
        """Yes: a chosen neighbor. No: filtered until the next salts, or until all were asked."""
        request = self._requests.find(public_key, ip, response.req_hash)
        peer = self._candidates.get(public_key)
        if request is None or public_key != self._asking or peer is None:
            return Reason.UNSOLICITED
        self._requests.close(request)
        if response.status:
            self._choose(peer)
        self._asked(public_key, filtered=not response.status)
        return None

    def _choose(self, peer: Peer) -> None:
        outbound_score = self._outbound_score(peer.node_id)
        taken = peer.public_key in self.accepted or peer.public_key in self.manual
        if taken or not self.chosen.takes(outbound_score):
            self._send_drop(peer)  # it counts us as a neighbor, and we have changed our mind
            self._filtered.add(peer.public_key)
            return
        farthest = self.chosen.farthest() if self.chosen.is_full else None
        if farthest is not None:
            self.drop(farthest.peer.public_key, "replaced")
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
        sender = self._discovery.peers.verified_at(public_key, ip)
        if sender is None or sender.peer is None:
            return Reason.UNVERIFIED
        before = self._answered.get((public_key, req_hash))
        if before is not None:
            if before[0] != ip:
                return Reason.OTHER_ADDRESS
            self._answer(sender.peer, req_hash, before[1])
            return None
        decision = self._decide(request, sender.peer)
        if isinstance(decision, Reason):
            return decision
        self._remember_answer((public_key, req_hash), ip, decision, request.timestamp)
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
        if not peer.gossip_port or not self.mana.includes(key):
            return False
        if not in_chain:
            return Reason.SALT_CHAIN
        assert request.salt is not None
        if score(peer.node_id, self._local.node_id, request.salt) >= self._theta():
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
        inbound_score = self._inbound_score(peer.node_id)
        if not self.accepted.takes(inbound_score):
            return False
        farthest = self.accepted.farthest() if self.accepted.is_full else None
        if farthest is not None:
            self.drop(farthest.peer.public_key, "replaced")
        key = peer.public_key
        self.accepted.add(Neighbor(peer, inbound_score, self._local.unix_time))
        self._links[key] = self._local.after(ACCEPT_LINK_S, lambda: self.drop(key, "no-link"))
        self._local.events.append(NeighborAccepted(peer))
        return True

    def _remember_answer(
        self, request: tuple[bytes, bytes], ip: str, status: bool, timestamp: int
    ) -> None:
        self._answered[request] = (ip, status, timestamp)
        if len(self._answered) > MAX_REPEATS:
            del self._answered[next(iter(self._answered))]

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
            if half is self.chosen:
                self._filtered.add(public_key)
            self._local.events.append(NeighborDropped(neighbor.peer, why))
            self._update_soon()

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
