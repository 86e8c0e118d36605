"""The seven messages over UDP, as values (protocol.md, "UDP messages").

encoding.py and decoding.py turn them into `data` and back: one type byte and the protobuf message,
which is what is signed and hashed. Used by discovery.py, selection.py and protocol.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

PING, PONG, DISCOVERY_REQUEST, DISCOVERY_RESPONSE = 10, 11, 12, 13
PEERING_REQUEST, PEERING_RESPONSE, PEERING_DROP = 20, 21, 22


class Service(NamedTuple):
    """Where one service of a peer is, beside its IP."""

    network: str  # "udp" or "tcp"
    port: int


Services = Mapping[str, Service]


@dataclass(slots=True)
class Ping:
    """Shows an identity at an address, and asks for the same."""

    version: int = 0
    network_id: int = 0
    timestamp: int = 0
    src_addr: str = ""
    src_port: int = 0
    dst_addr: str = ""


@dataclass(slots=True)
class Pong:
    """Answers a Ping. `services` is None when the field is absent."""

    req_hash: bytes = b""
    services: Services | None = None
    dst_addr: str = ""


@dataclass(slots=True)
class DiscoveryRequest:
    """Asks a verified peer for others."""

    timestamp: int = 0


class PeerEntry(NamedTuple):
    """A peer in a DiscoveryResponse."""

    public_key: bytes
    ip: str
    services: Services


@dataclass(slots=True)
class DiscoveryResponse:
    """Some verified peers of the sender."""

    req_hash: bytes = b""
    peers: Sequence[PeerEntry] = ()


@dataclass(slots=True)
class PeeringRequest:
    """Asks to become a neighbor. `salt` is None when the field is absent."""

    timestamp: int = 0
    salt: bytes | None = None
    expiration_time: int = 0  # unsigned


@dataclass(slots=True)
class PeeringResponse:
    """Says whether the requester was accepted."""

    req_hash: bytes = b""
    status: bool = False


@dataclass(slots=True)
class PeeringDrop:
    """Ends being neighbors."""

    timestamp: int = 0


Message = (
    Ping
    | Pong
    | DiscoveryRequest
    | DiscoveryResponse
    | PeeringRequest
    | PeeringResponse
    | PeeringDrop
)
