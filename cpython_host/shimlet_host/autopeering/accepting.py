"""Accepted neighbors: what is checked of a PeeringRequest, and the answer (messages 20 and 21).

The order of the checks is that of protocol.md: freshness and form, verified sender, repetition,
and then mana, salt chain, theta and our own places under the private salt. Called by protocol.py
and selection.py.
"""

from __future__ import annotations

from shimlet_host.autopeering import encoding, messages
from shimlet_host.autopeering.answers import Answer, Answers
from shimlet_host.autopeering.candidates import Candidates
from shimlet_host.autopeering.chains import SaltChains
from shimlet_host.autopeering.choosing import Choosing
from shimlet_host.autopeering.local import Local
from shimlet_host.autopeering.neighborhood import Neighborhood
from shimlet_host.autopeering.parameters import SALT_LENGTH
from shimlet_host.autopeering.peers import Peer, Peers
from shimlet_host.autopeering.reasons import Reason
from shimlet_host.autopeering.score import score


class Accepting:
    """The half of the neighborhood that others fill."""

    def __init__(
        self,
        local: Local,
        peers: Peers,
        candidates: Candidates,
        neighborhood: Neighborhood,
        choosing: Choosing,
    ) -> None:
        self._local = local
        self._peers = peers
        self._candidates = candidates
        self._neighborhood = neighborhood
        self._choosing = choosing
        self.chains = SaltChains(local.parameters)
        self.answers = Answers()
        self.private_salt = bytes(SALT_LENGTH)

    def renew_salt(self) -> None:
        """A new private salt: neighbors stay, scores change."""
        self.private_salt = self._local.entropy.randbytes(SALT_LENGTH)
        self._neighborhood.accepted.rescore(self._score)

    def _score(self, peer: Peer) -> int:
        return score(self._local.node_id, peer.node_id, self.private_salt)

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
        sender = self._peers.verified_at(public_key, ip)
        if sender is None or sender.peer is None:
            return Reason.UNVERIFIED
        before = self.answers.find(public_key, req_hash)
        if before is not None:
            if before.ip != ip:
                return Reason.OTHER_ADDRESS
            self._answer(sender.peer, req_hash, before.status)
            return None
        decision = self._decide(request, sender.peer)
        if isinstance(decision, Reason):
            return decision
        self.answers.keep(public_key, req_hash, Answer(ip, decision))
        self._answer(sender.peer, req_hash, decision)
        return None

    def _answer(self, peer: Peer, req_hash: bytes, status: bool) -> None:
        response = messages.PeeringResponse(req_hash, status)
        self._local.send(encoding.encode_peering_response(response), peer.address)

    def _decide(self, request: messages.PeeringRequest, peer: Peer) -> bool | Reason:
        """The checks in the order of protocol.md; True makes the peer a neighbor."""
        in_chain = self._is_in_chain(request, peer.public_key)
        key = peer.public_key
        if not self._neighborhood.may_include(key):
            return False
        if not peer.gossip_port or not self._candidates.mana.includes(key):
            return False
        if not in_chain:
            return Reason.SALT_CHAIN
        assert request.salt is not None
        if score(peer.node_id, self._local.node_id, request.salt) >= self._candidates.theta():
            return Reason.THETA
        if not self._neighborhood.has_room_in_subnet(peer) or self._is_our_turn(key):
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
        return self._choosing.asking == public_key and self._local.public_key < public_key

    def _accept(self, peer: Peer) -> bool:
        inbound_score = self._score(peer)
        if not self._neighborhood.accepted.takes(inbound_score):
            return False
        self._neighborhood.accept(peer, inbound_score)
        self._choosing.refusals.pop(peer.public_key, None)
        return True
