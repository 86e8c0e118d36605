"""Peer discovery (specification, "Discovery"): ask verified peers for others, and tell of ours.

For each message there is a validate function, for the cheap checks before its signature is looked
at, and an on_ function, which changes state; both are called by protocol.py.
"""

from __future__ import annotations

from shimlet_host.autopeering import encoding, messages, networks
from shimlet_host.autopeering.envelope import SEALED_BYTES
from shimlet_host.autopeering.local import Local
from shimlet_host.autopeering.parameters import EAGER_QUERIES, MAX_PACKET, MAX_PEERS_IN_RESPONSE
from shimlet_host.autopeering.peers import PEERING, KnownPeer
from shimlet_host.autopeering.reasons import Reason
from shimlet_host.autopeering.requests import Request, Requests
from shimlet_host.autopeering.verification import Verification

_FIRST_QUERY_S = 0.5
_NEXT_TRY_S = 10.0  # a node that comes with thousands of others must not wait queryInterval
_QUERIES = 2  # peers asked for others each queryInterval: one alone might be an attacker


class Discovery:
    """The messages 12 and 13 of one node."""

    def __init__(self, local: Local, requests: Requests, verification: Verification) -> None:
        self._local = local
        self._requests = requests
        self._verification = verification
        self._peers = verification.peers
        self._queries: dict[tuple[bytes, str], Request] = {}
        verification.peer_met = self._peer_met

    def start(self) -> None:
        """Begin to ask for peers."""
        self._local.after(_FIRST_QUERY_S, self._query)

    def _peer_met(self, known: KnownPeer) -> None:
        """The first peers are asked at once, so that a new node finds the network in seconds."""
        if len(self._peers.verified) <= EAGER_QUERIES:
            self._ask_for_peers(known)

    def _query(self) -> None:
        """Ask two verified peers for others."""
        count = len(self._peers.verified)
        self._local.after(self._local.parameters.query_interval_s, self._query)
        for index in self._local.entropy.sample(range(count), min(_QUERIES, count)):
            self._ask_for_peers(self._peers.nth_verified(index))

    def _ask_for_peers(self, known: KnownPeer) -> None:
        self._verification.mutual.ensure(known, lambda: self._send_query(known))

    def _send_query(self, known: KnownPeer) -> None:
        if known.peer is None or known.key in self._queries:
            return
        asked = messages.DiscoveryRequest(self._local.unix_time)
        data = encoding.encode_discovery_request(asked)
        request = Request(
            known.public_key,
            known.peer.address,
            self._local.parameters.max_reverify_attempts,
            messages.DiscoveryResponse,
            lambda: data,
            lambda: self._silent(known),
        )
        if self._requests.start(request):
            self._queries[known.key] = request

    def _silent(self, known: KnownPeer) -> None:
        """A verified peer that does not answer is verified again, now; and asked again soon while
        we know hardly anybody, since it may have had too much to do.
        """
        self._queries.pop(known.key, None)
        self._verification.doubt(known)
        if len(self._peers.verified) < MAX_PEERS_IN_RESPONSE:
            self._local.after(_NEXT_TRY_S, lambda: self._ask_again(known))

    def _ask_again(self, known: KnownPeer) -> None:
        if self._peers.verified_at(*known.key) is known:
            self._ask_for_peers(known)

    def on_discovery_request(
        self, request: messages.DiscoveryRequest, public_key: bytes, ip: str, req_hash: bytes
    ) -> Reason | None:
        """Tell a verified peer of up to six others."""
        sender = self._peers.verified_at(public_key, ip)
        if sender is None or sender.peer is None:
            return Reason.UNVERIFIED
        response = messages.DiscoveryResponse(req_hash, self._some_peers(public_key))
        while True:
            data = encoding.encode_discovery_response(response)
            if len(data) + SEALED_BYTES <= MAX_PACKET:
                break
            response.peers = response.peers[:-1]
        self._local.send(data, sender.peer.address)
        return None

    def _some_peers(self, asking: bytes) -> list[messages.PeerEntry]:
        """Random verified peers; whoever asks knows itself."""
        count = len(self._peers.verified)
        drawn = self._local.entropy.sample(range(count), min(MAX_PEERS_IN_RESPONSE + 1, count))
        found = [self._peers.nth_verified(index).peer for index in drawn]
        entries = [
            messages.PeerEntry(peer.public_key, peer.ip, peer.services)
            for peer in found
            if peer is not None and peer.public_key != asking
        ]
        return entries[:MAX_PEERS_IN_RESPONSE]

    def validate_discovery_response(
        self, response: messages.DiscoveryResponse, public_key: bytes, ip: str
    ) -> Reason | None:
        """Whether it answers a request of ours."""
        answered = self._requests.find(response, public_key, ip) is not None
        return None if answered else Reason.UNSOLICITED

    def on_discovery_response(
        self, response: messages.DiscoveryResponse, public_key: bytes, ip: str
    ) -> Reason | None:
        """Know the first six peers of it."""
        request = self._requests.find(response, public_key, ip)
        if request is None:
            return Reason.UNSOLICITED
        self._requests.close(request)
        self._queries.pop((public_key, ip), None)
        for entry in response.peers[:MAX_PEERS_IN_RESPONSE]:
            told = networks.canonical(entry.ip)
            peering = entry.services.get(PEERING)
            if told is None or peering is None or len(entry.public_key) != 32:
                continue
            if _may_tell(ip, told):
                self._verification.add(entry.public_key, told, peering.port)
        return None


def _may_tell(teller: str, told: str) -> bool:
    """Loopback is another place on each machine; a stranger's word must not lead us into ours."""
    return networks.kind(told) != networks.LOOPBACK or networks.kind(teller) == networks.LOOPBACK
