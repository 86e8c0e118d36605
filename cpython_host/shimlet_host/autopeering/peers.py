"""Peers, and the two lists of peer discovery: known and verified (specification, "Verification").

A known peer is an identity at an IP with the time at which it is to be verified or re-verified; a
verified one has answered our Ping from there. Guests are verified peers for whom the list was too
full: they keep newcomers from starving at a node that knows enough peers, since such a node
answers them, tells of them and may take them as neighbors; the next guest replaces the oldest.
Called by verification.py, read by discovery.py and selection.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b

from shimlet.identity import base58_encode

from shimlet_host.autopeering import networks
from shimlet_host.autopeering.messages import Services
from shimlet_host.autopeering.parameters import (
    IDENTITIES_PER_IP,
    KNOWN_PER_SUBNET,
    MAX_CALLERS,
    MAX_GUESTS,
    Parameters,
)
from shimlet_host.autopeering.reasons import Reason
from shimlet_host.autopeering.timers import Timer

PEERING, GOSSIP = "peering", "gossip"


def node_id_of(public_key: bytes) -> bytes:
    """BLAKE2b-256 of the public key."""
    return blake2b(public_key, digest_size=32).digest()


@dataclass(frozen=True, slots=True)
class Peer:
    """An identity, where it is, and what it offers there. `ip` is canonical text."""

    public_key: bytes
    ip: str
    services: Services
    node_id: bytes = field(default=b"", compare=False)

    def __post_init__(self) -> None:
        if not self.node_id:
            object.__setattr__(self, "node_id", node_id_of(self.public_key))

    @property
    def address(self) -> tuple[str, int]:
        """IP and port for UDP."""
        return self.ip, self.services[PEERING].port

    @property
    def gossip_port(self) -> int:
        """The TCP port for gossip; 0 if the peer takes no neighbors."""
        service = self.services.get(GOSSIP)
        usable = service is not None and service.network == "tcp" and 0 < service.port < 65536
        return service.port if usable and service is not None else 0

    def __repr__(self) -> str:
        return f"Peer({base58_encode(self.node_id[:8])} at {self.ip})"


@dataclass(slots=True, eq=False)
class KnownPeer:
    """A peer of the known peer list. Times are of the monotonic clock, in s; 0 means never."""

    public_key: bytes
    ip: str
    port: int  # for UDP
    timer: Timer | None = None  # for when it is to be verified or re-verified
    heard_at: float = -1e9  # when its last valid Ping came from this IP
    peer: Peer | None = None  # once verified
    entry: bool = False  # an entry node: never forgotten
    called: bool = False  # known from its own Ping only: gets one Ping for each of its own

    @property
    def key(self) -> tuple[bytes, str]:
        """What verification is bound to: identity and IP."""
        return self.public_key, self.ip


class Peers:
    """Both lists, within their bounds. Every operation costs the same at any length."""

    def __init__(self, parameters: Parameters) -> None:
        self._max = parameters.max_managed
        self._limit_private = parameters.limit_private_networks
        self.known: dict[tuple[bytes, str], KnownPeer] = {}
        self.verified: dict[bytes, KnownPeer] = {}
        self.guests: dict[tuple[bytes, str], KnownPeer] = {}  # oldest first
        self._order: list[KnownPeer] = []  # of the verified ones, to draw from
        self._place: dict[bytes, int] = {}
        self._per_subnet: Counter[str] = Counter()
        self._per_ip: Counter[str] = Counter()

    def verified_at(self, public_key: bytes, ip: str) -> KnownPeer | None:
        """The verified peer with this identity at this IP."""
        known = self.verified.get(public_key)
        return known if known is not None and known.ip == ip else None

    def refuses(self, ip: str, *, calls: bool = False) -> Reason | None:
        """Why one more peer of this IP cannot be known; one that `calls` may become a guest."""
        if self._listed >= self._max + (MAX_CALLERS if calls else 0):
            return Reason.FULL
        if not self.is_limited(ip):
            return None
        if self._per_ip[ip] >= IDENTITIES_PER_IP:
            return Reason.TOO_MANY_IDENTITIES
        if self._per_subnet[networks.subnet(ip)] >= KNOWN_PER_SUBNET:
            return Reason.SUBNET_FULL
        return None

    @property
    def _listed(self) -> int:
        return len(self.known) - len(self.guests)

    def is_limited(self, ip: str) -> bool:
        """Whether limits per IP and subnet count here."""
        return self._limit_private or networks.kind(ip) == networks.PUBLIC

    def add(self, known: KnownPeer) -> None:
        """Enter a peer that is not known yet."""
        self.known[known.key] = known
        if self.is_limited(known.ip):
            self._per_ip[known.ip] += 1
            self._per_subnet[networks.subnet(known.ip)] += 1

    def remove(self, known: KnownPeer) -> None:
        """Take a peer off both lists; the newest guest gets a place that becomes free."""
        if self.known.pop(known.key, None) is None:
            return
        if self.guests.pop(known.key, None) is None and self.guests and self._listed < self._max:
            self.guests.popitem()
        if self.verified.get(known.public_key) is known:
            self._leave(known)
        if self.is_limited(known.ip):
            _count_down(self._per_ip, known.ip)
            _count_down(self._per_subnet, networks.subnet(known.ip))

    def verify(self, known: KnownPeer, peer: Peer) -> KnownPeer | None:
        """Enter the verified list; the entry of the same identity elsewhere that it replaces."""
        before = self.verified.get(known.public_key)
        known.peer = peer
        if before is known:
            return None
        if before is not None:
            self.remove(before)
        self.verified[known.public_key] = known
        self._place[known.public_key] = len(self._order)
        self._order.append(known)
        return before

    def host(self, known: KnownPeer, stays: Callable[[bytes], bool]) -> KnownPeer | None:
        """A caller was verified: if the list is too full it is a guest. Returns the guest that
        has to go for it: the oldest one that is no entry node, and of which nobody says `stays`.
        """
        if self._listed > self._max:
            self.guests[known.key] = known
        if len(self.guests) <= MAX_GUESTS:
            return None
        may_go = (each for each in self.guests.values() if not each.entry)
        return next((each for each in may_go if not stays(each.public_key)), None)

    def _leave(self, known: KnownPeer) -> None:
        del self.verified[known.public_key]
        place = self._place.pop(known.public_key)
        last = self._order.pop()
        if last is not known:
            self._order[place] = last
            self._place[last.public_key] = place

    def unverify(self, known: KnownPeer) -> None:
        """Leave the verified list and stay known, as entry nodes do."""
        if self.verified.get(known.public_key) is known:
            self._leave(known)
        known.peer = None

    def nth_verified(self, index: int) -> KnownPeer:
        """One of the verified peers, 0 <= index < len(verified), in no order."""
        return self._order[index]


def _count_down(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
