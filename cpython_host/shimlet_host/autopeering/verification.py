"""Verification (specification, "Verification" and "Removal"): the known peer list, Ping and Pong.

Known peers are pinged when they are due (pings.py), senders of Pings at once; who answers is
verified. For each message there is a validate function, for the cheap checks before its signature
is looked at, and an on_ function, which changes state; both are called by protocol.py.
discovery.py and selection.py learn what they have to know by the callbacks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from shimlet_host.autopeering import encoding, messages, networks
from shimlet_host.autopeering.events import EntryNodeSilent, PeerLost, PeerVerified
from shimlet_host.autopeering.local import Local
from shimlet_host.autopeering.mutual import Mutual
from shimlet_host.autopeering.own_address import OwnAddress
from shimlet_host.autopeering.parameters import ENTRY_RETRY_S, MAX_SERVICES
from shimlet_host.autopeering.peers import PEERING, KnownPeer, Peer, Peers
from shimlet_host.autopeering.pings import Pings
from shimlet_host.autopeering.reasons import Reason
from shimlet_host.autopeering.requests import Requests

# After each Pong that names another address of ours: so a new one is known within seconds, and a
# liar costs twenty Pings a second at most.
_ASKED, _ASK_EVERY_S = 2, 0.1

PeerCall = Callable[[Peer], None]


class Verification:
    """The known and the verified peers of one node, and the messages 10 and 11.

    Callbacks: `peer_met` for a peer that is verified for the first time, `peer_verified` each
    time, `peer_lost` when it is verified no more; `is_neighbor` asks who must stay.
    """

    def __init__(
        self, local: Local, requests: Requests, peers: Peers, own_address: OwnAddress
    ) -> None:
        self._local = local
        self._requests = requests
        self.peers = peers
        self._pings = Pings(local, requests, peers, self._unanswered)
        self.mutual = Mutual(local, self._pings.ping_again)
        self._own_address = own_address
        self._replacements: OrderedDict[tuple[bytes, str], KnownPeer] = OrderedDict()
        self._entry_nodes: dict[bytes, KnownPeer | None] = {}
        self._asked_at = -_ASK_EVERY_S
        self.peer_met: Callable[[KnownPeer], None] = lambda known: None
        self.peer_verified: PeerCall = lambda peer: None
        self.peer_lost: PeerCall = lambda peer: None
        self.is_neighbor: Callable[[bytes], bool] = lambda public_key: False

    # THE KNOWN PEER LIST

    def add_entry_node(self, public_key: bytes, ip: str, port: int) -> None:
        """Know an entry node, or that its name has another address now."""
        before = self._entry_nodes.get(public_key)
        if before is not None and before.ip == ip and before.port == port:
            return
        if before is not None and before.peer is None:
            self._forget(before)
        known = self.peers.known.get((public_key, ip)) or KnownPeer(public_key, ip, port)
        known.entry, known.called = True, False
        self._entry_nodes[public_key] = known
        if known.key not in self.peers.known:
            self.peers.add(known)
            self._pings.enqueue(known, self._local.now)

    def add(self, public_key: bytes, ip: str, port: int) -> None:
        """Know a peer that somebody told of, or that was verified before the last stop."""
        if public_key == self._local.public_key or (public_key, ip) in self.peers.known:
            return
        if not 0 < port < 65536 or not self._local.may_know(ip):
            return
        known = KnownPeer(public_key, ip, port)
        reason = self.peers.refuses(ip)
        if reason is None:
            self.peers.add(known)
            self._pings.enqueue(known, self._local.now)
        else:
            self._local.counters[reason] += 1
            self._keep_replacement(known, reason)

    def _keep_replacement(self, known: KnownPeer, reason: Reason) -> None:
        """While the list is full, remember the last few that were told of."""
        if reason == Reason.FULL:
            self._replacements[known.key] = known
            while len(self._replacements) > self._local.parameters.max_replacements:
                self._replacements.popitem(last=False)

    def _forget(self, known: KnownPeer) -> None:
        self.peers.remove(known)
        self._pings.forget(known)
        if self._replacements and self.peers.refuses(known.ip) is None:
            _, successor = self._replacements.popitem()
            self.add(successor.public_key, successor.ip, successor.port)

    def _unanswered(self, known: KnownPeer) -> None:
        """All attempts failed: a new peer leaves the known list, a verified one both lists."""
        self._pings.ended(known)
        peer = known.peer
        if known.entry:
            self.peers.unverify(known)
            self._pings.enqueue(known, self._local.now + ENTRY_RETRY_S)
            self._local.events.append(EntryNodeSilent(known.public_key))
        else:
            self._forget(known)
        if peer is not None:
            self._lost(peer)

    def _lost(self, peer: Peer) -> None:
        self._local.events.append(PeerLost(peer))
        self.peer_lost(peer)

    # PING AND PONG

    def validate_ping(self, ping: messages.Ping) -> Reason | None:
        """Version, network, freshness and addresses."""
        parameters = self._local.parameters
        if ping.version != parameters.version:
            return Reason.WRONG_VERSION
        if ping.network_id != parameters.network_version:
            return Reason.WRONG_NETWORK
        if not networks.is_unspecified(ping.src_addr) or not 0 < ping.src_port < 65536:
            return Reason.BAD_SOURCE
        if parameters.check_destination and not self._own_address.is_ours(ping.dst_addr):
            return Reason.WRONG_DESTINATION
        return self._local.freshness(ping.timestamp)

    def on_ping(
        self, ping: messages.Ping, public_key: bytes, ip: str, req_hash: bytes
    ) -> Reason | None:
        """Answer with a Pong, and ping a sender back that is not verified, or not at this port."""
        pong = encoding.pong_around(self._local.encoded_services, req_hash, ip)
        self._local.send(pong, (ip, ping.src_port))
        known = self.peers.known.get((public_key, ip))
        reason = None
        if known is None:
            reason, known = self._meet(public_key, ip, ping.src_port)
        if known is not None:
            if known.peer is None or known.port != ping.src_port:
                self._ping_back(known, ping.src_port)
            self.mutual.heard(known)
        return reason

    def _meet(
        self, public_key: bytes, ip: str, port: int
    ) -> tuple[Reason | None, KnownPeer | None]:
        """Know a peer by its own Ping; it gets one Ping for it and no more."""
        reason = self.peers.refuses(ip, calls=True)
        if reason is not None:
            return reason, None
        known = KnownPeer(public_key, ip, port, called=True)
        self.peers.add(known)
        return None, known

    def _ping_back(self, known: KnownPeer, port: int) -> None:
        """Outside the queue's pace, since an existing node waits for it only half a second."""
        request = self._pings.open_to(known)
        if request is not None:
            self._requests.hurry(request)
            return
        known.port = port
        proved = known.entry or known.peer is not None
        attempts = self._local.parameters.max_verify_attempts if proved else 1
        if not self._pings.ping(known, attempts) and known.called:
            self._forget(known)

    def validate_pong(self, pong: messages.Pong, public_key: bytes, ip: str) -> Reason | None:
        """Whether it answers an open Ping, from a place that makes sense."""
        request = self._requests.find(pong, public_key, ip)
        if request is None:
            return Reason.UNSOLICITED
        services = pong.services or {}
        peering = services.get(PEERING)
        if not 1 <= len(services) <= MAX_SERVICES or peering is None:
            return Reason.BAD_SERVICES
        if peering.port != request.address[1]:
            return Reason.BAD_SERVICES
        return None

    def on_pong(self, pong: messages.Pong, public_key: bytes, ip: str) -> Reason | None:
        """The sender is verified, with what it offers.

        Its word about our address counts even if it is not ours as yet: our address may have
        changed, or the first peer may have lied.
        """
        request = self._requests.find(pong, public_key, ip)
        known = self.peers.known.get((public_key, ip))
        if request is None:
            return Reason.UNSOLICITED
        is_new = public_key not in self.peers.verified
        self._own_address.vote(ip, pong.dst_addr, len(self.peers.verified) + is_new)
        if self._local.parameters.check_destination and not self._own_address.is_ours(
            pong.dst_addr
        ):
            self._ask_others_where_we_are()
            return Reason.WRONG_DESTINATION
        self._requests.close(request)
        if known is None:
            return Reason.UNSOLICITED
        self._pings.ended(known)
        self._verified(known, Peer(public_key, ip, dict(pong.services or {})))
        return None

    def _ask_others_where_we_are(self) -> None:
        """Two more peers, who ask two more if our address has changed; a lie ends there."""
        now, count = self._local.now, len(self.peers.verified)
        if now < self._asked_at + _ASK_EVERY_S:
            return
        self._asked_at = now
        for index in self._local.entropy.sample(range(count), min(_ASKED, count)):
            self.doubt(self.peers.nth_verified(index))

    def _verified(self, known: KnownPeer, peer: Peer) -> None:
        is_new, called = known.peer is None, known.called
        known.called = False
        known.port = peer.address[1]
        replaced = self.peers.verify(known, peer)
        if replaced is not None and replaced.peer is not None:
            self._moved(replaced, replaced.peer)
        lifetime_s = self._local.parameters.verification_lifetime_s
        self._pings.enqueue(known, self._local.now + lifetime_s)
        self._local.events.append(PeerVerified(peer))
        self.peer_verified(peer)
        if is_new:
            self.peer_met(known)
        if called:
            self._host(known)

    def _host(self, known: KnownPeer) -> None:
        """A caller is a guest while the list is full; the oldest guest may have to go for it."""
        oldest = self.peers.host(known, self.is_neighbor)
        if oldest is not None and oldest.peer is not None:
            self._forget(oldest)
            self._lost(oldest.peer)

    def _moved(self, known: KnownPeer, peer: Peer) -> None:
        """The same identity was verified elsewhere: where it was before, it is no more."""
        if known.entry:
            known.entry = False
            self._entry_nodes[known.public_key] = self.peers.verified[known.public_key]
            self.peers.verified[known.public_key].entry = True
        self._forget(known)
        self._lost(peer)

    def doubt(self, known: KnownPeer) -> None:
        """A verified peer did not answer something: verify it again, now."""
        if known.peer is not None and self._pings.open_to(known) is None:
            self._pings.enqueue(known, self._local.now)
