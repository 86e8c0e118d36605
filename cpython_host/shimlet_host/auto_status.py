"""What is told of autopeering: the peers and neighbors, and how the whole stands right now.

In: the running parts of autopeering. Out: the records of model.py, for the web API, the metrics
and the dashboard. Nothing is changed by asking. Called by auto.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from shimlet.identity import format_address

from shimlet_host.autopeering import Autopeering
from shimlet_host.autopeering.networks import canonical
from shimlet_host.autopeering.peers import Peer
from shimlet_host.entry_nodes import EntryNodes
from shimlet_host.model import (
    AutoPeeringStatus,
    NeighborhoodStatus,
    NeighborLists,
    NeighborStatus,
)
from shimlet_host.neighbors import Neighbors
from shimlet_host.udp import UdpShell


def neighbor_lists(core: Autopeering, *, known: bool) -> NeighborLists:
    """The verified peers, if asked for, and both kinds of neighbors."""
    return NeighborLists(
        _neighbor_statuses(core.verified()) if known else (),
        _neighbor_statuses(core.chosen()),
        _neighbor_statuses(core.accepted()),
    )


def _neighbor_statuses(peers: Iterable[Peer]) -> tuple[NeighborStatus, ...]:
    return tuple(map(neighbor_status, peers))


def neighbor_status(peer: Peer) -> NeighborStatus:
    """Who it is, and where it offers what."""
    services = {
        name: format_address(peer.ip, service.port) for name, service in peer.services.items()
    }
    return NeighborStatus(peer.public_key, peer.node_id, services)


def auto_peering_status(
    bound: tuple[str, int], shell: UdpShell, entry_nodes: EntryNodes, neighbors: Neighbors
) -> AutoPeeringStatus:
    """Where it listens, how much it knows, and what it refused; `bound`: IP and UDP port."""
    host, port = bound
    core = shell.core
    return AutoPeeringStatus(
        address=format_address(canonical(host) or host, port),
        known=len(core.peers.known),
        verified=len(core.peers.verified),
        received=shell.received,
        sent=shell.sent,
        unsent=shell.unsent,
        refusals=dict(core.local.counters),
        version=core.local.parameters.version,
        network_version=core.local.parameters.network_version,
        external_address=core.own_address.external,
        seen_as=core.own_address.seen_as(),
        entry_nodes=entry_nodes.statuses(),
        neighborhood=_neighborhood(core),
        failed_links=tuple(neighbors.failed_links(time.monotonic())),
    )


def _neighborhood(core: Autopeering) -> NeighborhoodStatus:
    """How the search for neighbors goes."""
    selection = core.selection
    refusals = selection.choosing.refusals
    candidates, similar, in_range = selection.open_candidates()
    answers = [said_no for key, said_no in refusals.items() if key in in_range]
    return NeighborhoodStatus(
        places=core.local.parameters.k,
        chosen=len(selection.chosen),
        accepted=len(selection.accepted),
        candidates=candidates,
        similar=similar,
        in_range=len(in_range),
        refused=answers.count(True),
        silent=answers.count(False),
    )
