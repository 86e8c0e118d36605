"""How the node's records look as JSON.

In: the records of `model.py`. Out: pydantic models with the names that existing clients know;
`/docs` is made from them. Keys and ids are base58, times are unix seconds.
"""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import Literal

from pydantic import BaseModel
from shimlet.identity import base58_encode

from shimlet_host.model import (
    AutoPeeringStatus,
    EntryNodeStatus,
    FailedLink,
    NeighborhoodStatus,
    NeighborLists,
    NeighborStatus,
    NodeInfo,
    PeerStatus,
    PendingStatus,
    StoredMessage,
)

SHORT_ID_BYTES = 8


class ErrorShape(BaseModel):
    error: str


class PeerToAdd(BaseModel):
    publicKey: str
    address: str


class PeerToRemove(BaseModel):
    publicKey: str


class PeerToMark(BaseModel):
    """What is left out stays as it is."""

    publicKey: str
    alias: str | None = None
    enabled: bool | None = None


class PeerFilter(BaseModel):
    onlyConnected: bool = False


class MessageToPublish(BaseModel):
    """One of the two."""

    payload: str | None = None
    payloadBase64: str | None = None


class PeerShape(BaseModel):
    """The first four as existing nodes write them; the rest is ours."""

    publicKey: str
    address: str
    connectionDirection: Literal["inbound", "outbound"]
    connectionStatus: Literal["connected", "disconnected"]
    state: str
    lastError: str | None
    lastErrorText: str | None
    lastConnected: int | None
    nextAttempt: float | None
    counters: dict[str, int]
    alias: str
    enabled: bool
    rtt: float | None

    @classmethod
    def of(cls, peer: PeerStatus) -> PeerShape:
        return cls(
            publicKey=base58_encode(peer.public_key),
            address=peer.address,
            connectionDirection="outbound" if peer.outbound else "inbound",
            connectionStatus="connected" if peer.connected else "disconnected",
            state=peer.state,
            lastError=peer.last_error or None,
            lastErrorText=peer.last_error_text or None,
            lastConnected=peer.last_connected,
            nextAttempt=peer.next_attempt,
            counters=peer.counters,
            alias=peer.alias,
            enabled=peer.enabled,
            rtt=peer.rtt_ms,
        )


class PendingShape(BaseModel):
    publicKey: str
    remoteIP: str
    firstSeen: float
    lastSeen: float
    attempts: int

    @classmethod
    def of(cls, pending: PendingStatus) -> PendingShape:
        return cls(
            publicKey=base58_encode(pending.public_key),
            remoteIP=pending.remote_ip,
            firstSeen=pending.first_seen,
            lastSeen=pending.last_seen,
            attempts=pending.attempts,
        )


class ServiceShape(BaseModel):
    id: str
    address: str


class NeighborShape(BaseModel):
    """As existing nodes write it: `id` is the short form of the node ID."""

    id: str
    publicKey: str
    services: list[ServiceShape]

    @classmethod
    def of(cls, peer: NeighborStatus) -> NeighborShape:
        return cls(
            id=base58_encode(peer.node_id[:SHORT_ID_BYTES]),
            publicKey=base58_encode(peer.public_key),
            services=[
                ServiceShape(id=name, address=address) for name, address in peer.services.items()
            ],
        )


class NeighborsShape(BaseModel):
    known: list[NeighborShape]
    chosen: list[NeighborShape]
    accepted: list[NeighborShape]

    @classmethod
    def of(cls, lists: NeighborLists) -> NeighborsShape:
        return cls(
            known=list(map(NeighborShape.of, lists.known)),
            chosen=list(map(NeighborShape.of, lists.chosen)),
            accepted=list(map(NeighborShape.of, lists.accepted)),
        )


class MessageShape(BaseModel):
    """`payload` is null when the bytes are not UTF-8 text."""

    id: str
    payload: str | None
    payloadBase64: str
    received: float
    source: str

    @classmethod
    def of(cls, message: StoredMessage) -> MessageShape:
        return cls(
            id=base58_encode(message.message_id),
            payload=_text(message.data),
            payloadBase64=base64.b64encode(message.data).decode("ascii"),
            received=message.received,
            source=message.source,
        )


class PublishedShape(BaseModel):
    id: str


class TimeServerShape(BaseModel):
    address: str
    answered: int
    ignored: int
    limited: int


class EntryNodeShape(BaseModel):
    """`resolved` is what the name means now; `lastError` is no-address or no-answer."""

    publicKey: str
    address: str
    resolved: str
    lastAnswer: int | None
    lastError: str


class NeighborhoodShape(BaseModel):
    """Places, who holds them, and the verified peers that might, by how they stand."""

    places: int
    chosen: int
    accepted: int
    candidates: int
    inRange: int
    refused: int
    silent: int


class FailedLinkShape(BaseModel):
    """A neighbor without a TCP link."""

    publicKey: str
    address: str
    connectionDirection: Literal["inbound", "outbound"]
    lastError: str


class AutoPeeringShape(BaseModel):
    """`refusals`: how many datagrams were not acted upon, by the reason. `seenAs`: our IP as
    others see it, and by how many subnets.
    """

    address: str
    known: int
    verified: int
    received: int
    sent: int
    unsent: int
    refusals: dict[str, int]
    version: int
    networkVersion: int
    externalAddress: str
    seenAs: dict[str, int]
    entryNodes: list[EntryNodeShape]
    neighborhood: NeighborhoodShape | None
    failedLinks: list[FailedLinkShape]

    @classmethod
    def of(cls, status: AutoPeeringStatus) -> AutoPeeringShape:
        around = status.neighborhood
        return cls(
            address=status.address,
            known=status.known,
            verified=status.verified,
            received=status.received,
            sent=status.sent,
            unsent=status.unsent,
            refusals=status.refusals,
            version=status.version,
            networkVersion=status.network_version,
            externalAddress=status.external_address,
            seenAs=status.seen_as,
            entryNodes=list(map(_entry_node, status.entry_nodes)),
            neighborhood=None if around is None else _neighborhood(around),
            failedLinks=list(map(_failed_link, status.failed_links)),
        )


def _entry_node(entry: EntryNodeStatus) -> EntryNodeShape:
    return EntryNodeShape(
        publicKey=base58_encode(entry.public_key),
        address=entry.address,
        resolved=entry.resolved,
        lastAnswer=entry.last_answer,
        lastError=entry.last_error,
    )


def _neighborhood(status: NeighborhoodStatus) -> NeighborhoodShape:
    counts = asdict(status)
    return NeighborhoodShape(inRange=counts.pop("in_range"), **counts)


def _failed_link(link: FailedLink) -> FailedLinkShape:
    return FailedLinkShape(
        publicKey=base58_encode(link.public_key),
        address=link.address,
        connectionDirection="outbound" if link.outbound else "inbound",
        lastError=link.reason,
    )


class InfoShape(BaseModel):
    """The last ones tell whoever pairs with this node where and when it is, and why it refused the
    last call that claimed to be of a known peer.
    """

    publicKey: str
    identityID: str
    nodeID: str
    version: str
    profile: str
    gossipAddress: str
    uptime: float
    unixTime: int
    interfaces: list[str]
    addresses: list[str]
    refusals: dict[str, str]
    timeServer: TimeServerShape | None
    autoPeering: AutoPeeringShape | None

    @classmethod
    def of(cls, info: NodeInfo) -> InfoShape:
        return cls(
            publicKey=base58_encode(info.public_key),
            identityID=base58_encode(info.node_id[:SHORT_ID_BYTES]),
            nodeID=base58_encode(info.node_id),
            version=info.version,
            profile=info.profile,
            gossipAddress=info.gossip_address,
            uptime=round(info.uptime_s, 3),
            unixTime=info.unix_time,
            interfaces=list(info.interfaces),
            addresses=list(info.addresses),
            refusals={base58_encode(key): why for key, why in info.refusals.items()},
            timeServer=TimeServerShape(**asdict(info.time_server)) if info.time_server else None,
            autoPeering=(AutoPeeringShape.of(info.auto_peering) if info.auto_peering else None),
        )


class HealthShape(BaseModel):
    status: Literal["ok"] = "ok"


def _text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
