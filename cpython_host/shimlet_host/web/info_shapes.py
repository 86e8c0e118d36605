"""How the node tells about itself as JSON: the answer of /info.

In: NodeInfo of `model.py`. Out: a pydantic model with the names that existing clients know. Used
by `routes.py`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from pydantic import BaseModel
from shimlet.identity import base58_encode

from shimlet_host.key_text import key_text
from shimlet_host.model import (
    AutoPeeringStatus,
    EntryNodeStatus,
    FailedLink,
    NeighborhoodStatus,
    NodeInfo,
)
from shimlet_host.web.shapes import SHORT_ID_BYTES


class TimeServerShape(BaseModel):
    """How many questions were answered, were none, or came too often."""

    address: str
    answered: int
    ignored: int
    limited: int


class ReachShape(BaseModel):
    """Whether others reach us; `result` is reached, refused, no-answer, somebody-else,
    loopback-only, private-only or not-known.
    """

    service: str
    protocol: str
    address: str
    result: str
    sentence: str


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
    similar: int
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
        publicKey=key_text(entry.public_key),
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
        publicKey=key_text(link.public_key),
        address=link.address,
        connectionDirection="outbound" if link.outbound else "inbound",
        lastError=link.reason,
    )


class InfoShape(BaseModel):
    """Who this node is, and for whoever pairs with it where and when: `refusals` say why the last
    call that claimed to be of a known peer was refused. `identityID` is `nodeID` in short,
    `uptime` is in seconds, `unixTime` is 0 while the clock is plainly not set.
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
    reachability: list[ReachShape]

    @classmethod
    def of(cls, info: NodeInfo) -> InfoShape:
        return cls(
            publicKey=key_text(info.public_key),
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
            reachability=[ReachShape(**asdict(reach)) for reach in info.reachability],
        )
