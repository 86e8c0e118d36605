"""What a node learns from autopeering: everything that the outside has to act upon or may show.

Made by discovery.py and selection.py, taken from Autopeering.take_events() by the node and by the
simulation.
"""

from __future__ import annotations

from dataclasses import dataclass

from shimlet_host.autopeering.peers import Peer


@dataclass(frozen=True, slots=True)
class PeerVerified:
    """A peer answered our Ping: it enters the verified peers, or stays there."""

    peer: Peer


@dataclass(frozen=True, slots=True)
class PeerLost:
    """A verified peer did not answer any more, or moved."""

    peer: Peer


@dataclass(frozen=True, slots=True)
class EntryNodeSilent:
    """An entry node did not answer: resolve its name again."""

    public_key: bytes


@dataclass(frozen=True, slots=True)
class NeighborChosen:
    """A peer accepted our request: dial it, and say link_up() or link_lost()."""

    peer: Peer


@dataclass(frozen=True, slots=True)
class NeighborAccepted:
    """We accepted a peer: it dials us within 4 s; say link_up() or link_lost()."""

    peer: Peer


@dataclass(frozen=True, slots=True)
class NeighborDropped:
    """No neighbor any more: close its link, unless it is a manual one."""

    peer: Peer
    # "link-lost", "replaced", "dropped-by-peer", "no-link", "unverified", "manual", "stopping"
    why: str


@dataclass(frozen=True, slots=True)
class SaltUpdated:
    """Our salts are new."""

    public_salt: bytes
    expiration_time: int


@dataclass(frozen=True, slots=True)
class AddressLearnt:
    """Verified peers agree under which IP they reach us."""

    ip: str


Event = (
    PeerVerified
    | PeerLost
    | EntryNodeSilent
    | NeighborChosen
    | NeighborAccepted
    | NeighborDropped
    | SaltUpdated
    | AddressLearnt
)
