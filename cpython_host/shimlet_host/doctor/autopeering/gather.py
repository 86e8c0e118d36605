"""Collects the evidence about autopeering: what the full node tells, and what Pings tell.

In: the full node's web API. Out: Own and Remotes. Nothing is changed anywhere; whoever is asked
sees a stranger's Ping. Raises ApiError. Called by `findings`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from shimlet.identity import parse_address

from shimlet_host.autopeering.networks import canonical
from shimlet_host.interfaces import interface_addresses

from ..api import NodeApiClient
from ..evidence import OPEN, TIMEOUT, WILDCARDS, parts_of
from ..loose import a_dict, a_list, keyed
from ..probe import probe
from .evidence import Entry, Failed, Neighborhood, Own, Remote
from .probe import Network, UdpProbe

CALLS = 3  # that must all be lost
CALL_BACK_S = 0.5  # until the answer to one has arrived or is lost
_UNEXPECTED = "unsolicited"  # the node counts such packets under this reason

Lists = Mapping[str, Sequence[Mapping[str, Any]]]


def own_of(info: Mapping[str, Any], lists: Lists, url: str = "") -> Own:
    """What the node tells of its autopeering; `url` is where it was asked."""
    told = a_dict(info.get("autoPeering"))
    own = Own(str(info["publicKey"]), url, bool(told), _address(info.get("gossipAddress")))
    if not told:
        return own
    address = _address(told.get("address"))
    external = str(told.get("externalAddress") or "")
    claimed = {
        parts[0] for text in a_list(info.get("addresses")) if (parts := parts_of(str(text)))
    }
    interfaces = [str(each) for each in a_list(info.get("interfaces"))]
    unix_time = _int(info.get("unixTime"))
    return replace(
        own,
        address=address,
        ips=frozenset({*_listened(address, interfaces), external}),
        external=external if external in claimed else "",
        network=Network(_int(told.get("version")), _int(told.get("networkVersion"))),
        ahead_s=unix_time - time.time() if unix_time else 0.0,
        here=set(interfaces) == set(interface_addresses()),
        known=_int(told.get("known")),
        verified=_int(told.get("verified")),
        seen_as=_counts(told.get("seenAs")),
        refusals=_counts(told.get("refusals")),
        entries=tuple(map(_entry, keyed(told.get("entryNodes")))),
        neighborhood=_neighborhood(a_dict(told.get("neighborhood"))),
        accepted=frozenset(str(each.get("publicKey")) for each in lists.get("accepted", ())),
        failed=tuple(map(_failed, keyed(told.get("failedLinks")))),
    )


def remotes_of(own: Own, lists: Lists, api: NodeApiClient, keys: Sequence[str]) -> list[Remote]:
    """Those of them that autopeering has to do with, and how they answer now."""
    by_hand = {str(each.get("publicKey")): str(each.get("address")) for each in api.peers()}
    known = [remote_of(own, lists, key) for key in keys]
    return [
        _examined(own, replace(each, tcp=each.tcp or by_hand.get(each.public_key, "")))
        for each in known
        if each is not None
    ]


def remote_of(own: Own, lists: Lists, public_key: str) -> Remote | None:
    """What is known of a peer over UDP; None: nothing."""
    entry, failed = own.entry(public_key), own.failure(public_key)
    met, kind = _met(lists, public_key)
    if entry is None and failed is None and met is None:
        return None
    offered = map(a_dict, a_list((met or {}).get("services")))
    services = {str(each.get("id")): _address(each.get("address")) for each in offered}
    neighbor = kind in ("chosen", "accepted")
    name = "the neighbor" if neighbor or failed else "the peer"
    return Remote(
        public_key,
        "the entry node" if entry else name,
        listed=entry.address if entry else "",
        udp=services.get("peering") or (entry.resolved if entry else ""),
        tcp=services.get("gossip") or (failed.address if failed else ""),
        neighbor=neighbor,
        verified=met is not None,
        unresolved=entry is not None and not entry.resolved,
        failed=None if neighbor and not failed else failed,
    )


def _examined(own: Own, remote: Remote) -> Remote:
    """The same with how it answers over UDP and TCP now."""
    if remote.udp:
        answer = _probe_of(own).ask(*parse_address(remote.udp))
        remote = replace(remote, answer=answer)
    return replace(remote, tcp_end=probe(remote.tcp)) if remote.tcp else remote


def try_from_outside(api: NodeApiClient, own: Own, remotes: Sequence[Remote]) -> Own:
    """The same with how packets that it does not expect end at the node's UDP port.

    A node that answers is asked to answer there. Only on the node's own machine.
    """
    helper = next((remote for remote in remotes if remote.answers), None)
    if helper is None or not own.here or not own.address:
        return own
    before = own.refusals.get(_UNEXPECTED, 0)
    port = parse_address(own.address)[1]
    for _ in range(CALLS):
        if not _probe_of(own).have_called(*parse_address(helper.udp), back_at=port):
            return own
        time.sleep(CALL_BACK_S)
        if own_of(api.info(), {}).refusals.get(_UNEXPECTED, 0) > before:
            return replace(own, called_back=OPEN)
    return replace(own, called_back=TIMEOUT)


def _listened(address: str, interfaces: Sequence[str]) -> list[str]:
    """The IPs under which its UDP socket is reached."""
    bound = parse_address(address)[0] if address else ""
    return [each.partition("/")[0] for each in interfaces] if bound in WILDCARDS else [bound]


def _probe_of(own: Own) -> UdpProbe:
    """Pings as the node sends them."""
    bound = parse_address(own.address)[0] if own.address else ""
    return UdpProbe(own.network, own.ahead_s, "" if bound in WILDCARDS else bound)


def _met(lists: Lists, public_key: str) -> tuple[Mapping[str, Any] | None, str]:
    """A verified peer, and what it is to the node."""
    for kind in ("chosen", "accepted", "known"):
        for each in lists.get(kind, ()):
            if each.get("publicKey") == public_key:
                return each, kind
    return None, ""


def _entry(told: Mapping[str, Any]) -> Entry:
    return Entry(told["publicKey"], str(told.get("address")), _address(told.get("resolved")))


def _failed(told: Mapping[str, Any]) -> Failed:
    outbound = told.get("connectionDirection") == "outbound"
    reason = str(told.get("lastError") or "")
    return Failed(told["publicKey"], _address(told.get("address")), outbound, reason)


def _neighborhood(told: Mapping[str, Any]) -> Neighborhood:
    names = {field.name: field.name for field in fields(Neighborhood)} | {"in_range": "inRange"}
    return Neighborhood(**{name: _int(told.get(key)) for name, key in names.items()})


def _counts(value: object) -> dict[str, int]:
    return {str(name): _int(count) for name, count in a_dict(value).items()}


def _address(value: object) -> str:
    """An "ip:port", "" if it is none."""
    parts = parts_of(value) if isinstance(value, str) else None
    return str(value) if parts and canonical(parts[0]) else ""


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0
