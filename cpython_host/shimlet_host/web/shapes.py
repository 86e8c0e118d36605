"""How the node's records look as JSON.

In: the records of `model.py`. Out: pydantic models with the names that existing clients know;
`/docs` is made from them. Keys and ids are base58, times are unix seconds.
"""

from __future__ import annotations

import base64
from typing import Literal

from pydantic import BaseModel
from shimlet.identity import base58_encode

from shimlet_host.key_text import key_text
from shimlet_host.model import (
    NeighborChange,
    NeighborLists,
    NeighborStatus,
    PeerStatus,
    PendingStatus,
    StoredMessage,
)

SHORT_ID_BYTES = 8


class ErrorShape(BaseModel):
    """Why not, as a sentence."""

    error: str


class PeerShape(BaseModel):
    """A known peer; the first four fields as existing nodes write them. `state` is connected,
    dialling, waiting, backing-off, clock-not-set or disabled. `lastError` is a name, and
    `lastErrorText` says what to do. `nextAttempt` is when we dial. `counters` are those of the
    link that is up, `rtt` is its round trip in ms.
    """

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
            publicKey=key_text(peer.public_key),
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
    """A caller that proved its key and is not listed; `remoteIP` is where it called from last."""

    publicKey: str
    remoteIP: str
    firstSeen: float
    lastSeen: float
    attempts: int

    @classmethod
    def of(cls, pending: PendingStatus) -> PendingShape:
        return cls(
            publicKey=key_text(pending.public_key),
            remoteIP=pending.remote_ip,
            firstSeen=pending.first_seen,
            lastSeen=pending.last_seen,
            attempts=pending.attempts,
        )


class ServiceShape(BaseModel):
    """`id` is peering (UDP) or gossip (TCP)."""

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
            publicKey=key_text(peer.public_key),
            services=[
                ServiceShape(id=name, address=address) for name, address in peer.services.items()
            ],
        )


class NeighborChangeShape(BaseModel):
    """`why`: of a dropped one."""

    change: Literal["chosen", "accepted", "dropped"]
    why: str
    neighbor: NeighborShape

    @classmethod
    def of(cls, news: NeighborChange) -> NeighborChangeShape:
        return cls.model_validate(
            {"change": news.change, "why": news.why, "neighbor": NeighborShape.of(news.peer)}
        )


class NeighborsShape(BaseModel):
    """`known` are the verified peers, if they were asked for. We chose some neighbors and dial
    them; others chose us, and we accepted them.
    """

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
    """`payload` is null when the bytes are not UTF-8 text; `alias` is that of the source."""

    id: str
    payload: str | None
    payloadBase64: str
    received: float
    source: str
    alias: str

    @classmethod
    def of(cls, message: StoredMessage) -> MessageShape:
        return cls(
            id=base58_encode(message.message_id),
            payload=_text(message.data),
            payloadBase64=base64.b64encode(message.data).decode("ascii"),
            received=message.received,
            source=message.source,
            alias=message.alias,
        )


class PublishedShape(BaseModel):
    """The message's BLAKE2b-256."""

    id: str


class HealthShape(BaseModel):
    """All is well."""

    status: Literal["ok"] = "ok"


def _text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
