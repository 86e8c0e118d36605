"""Autopeering of a full node: the pure core with its socket, its memory, its entry nodes and its
source of mana, and what becomes of its neighbors.

In: a Config with autoPeering.enabled, and the node's Streams, whose peers are Neighbors. Out:
links to the selected neighbors, by the same shell as those to known peers. A chosen neighbor is
dialled, an accepted one is awaited, a dropped one is hung up on; a known peer's link is never
touched. Made and asked by node.py.
"""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from typing import Any

import structlog
from shimlet.identity import base58_encode, format_address
from shimlet.reasons import REMOVED
from shimlet.streams import Streams

from shimlet_host.auto_settings import external_ip, listened_ips, parameters_of, services_of
from shimlet_host.auto_status import auto_peering_status, neighbor_lists, neighbor_status
from shimlet_host.autopeering import Autopeering, events
from shimlet_host.autopeering.peers import Peer
from shimlet_host.autopeering_store import AutopeeringStore
from shimlet_host.config import Config
from shimlet_host.entry_nodes import EntryNodes
from shimlet_host.identity import HostIdentity
from shimlet_host.mana_sources import ManaError, ManaSource, mana_source
from shimlet_host.model import AutoPeeringStatus, FailedLink, NeighborChange, NeighborLists
from shimlet_host.neighbors import NO_LINK, Neighbors
from shimlet_host.net import HostNet
from shimlet_host.udp import UdpShell, bound_udp_socket
from shimlet_host.verifier import has_second_core

SAVE_INTERVAL_S = 1.0
INTERFACES_INTERVAL_S = 30.0  # a machine that moves to another network gets other addresses

log = structlog.get_logger()


class Auto:
    """Autopeering of one node. `second_core` None: use it if there is one."""

    def __init__(
        self,
        config: Config,
        identity: HostIdentity,
        neighbors: Neighbors,
        net: HostNet,
        tell: Callable[[NeighborChange], None],
        *,
        second_core: bool | None = None,
    ) -> None:
        """Take the port and open the memory. Raises ServeError or StoreError."""
        self._config = config
        self._identity = identity
        self._neighbors = neighbors
        self._net = net
        self._tell = tell
        self._second_core = has_second_core() if second_core is None else second_core
        self._source = mana_source(config.auto_peering.mana_source)
        self._socket = bound_udp_socket(
            *config.auto_peering.bind_address, "autoPeering.bindAddress"
        )
        try:
            self._store = AutopeeringStore(config.node.data_directory, log.warning)
        except BaseException:
            self._socket.close()
            raise
        self._tasks: list[asyncio.Task[None]] = []
        self._acts: dict[type[events.Event], Callable[[Any], None]] = {
            events.PeerVerified: self._on_verified,
            events.EntryNodeSilent: self._on_silent,
            events.NeighborChosen: self._on_chosen,
            events.NeighborAccepted: self._on_accepted,
            events.NeighborDropped: self._on_dropped,
            events.AddressLearnt: self._on_learnt,
        }

    # Life

    def start(self, streams: Streams, gossip_port: int, listed: Collection[bytes]) -> None:
        """Join: from now on others learn our address. `listed`: the known peers, also disabled
        ones, none of which is ever selected.
        """
        self._listed = listed
        self._streams = streams
        self._gossip_port = gossip_port
        self._own_addresses = list(streams.rules.addresses)
        self.core = self._made_core()
        self._shell = UdpShell(
            self.core,
            self._socket,
            self._on_events,
            self._net.unix_time,
            second_core=self._second_core,
        )
        self._entry_nodes = self._made_entry_nodes()
        self._listen_to_neighbors()
        self._remember()
        self._shell.start()
        self._entry_nodes.start()
        regular = [self._save_regularly(), self._follow_interfaces()]
        if self._source is not None:
            regular.append(self._follow_mana(self._source))
        self._tasks = [asyncio.create_task(each) for each in regular]

    def _made_core(self) -> Autopeering:
        host, port = self._socket.getsockname()[:2]
        return Autopeering(
            self._identity,
            self._identity.seed,
            parameters_of(self._config),
            services_of(self._config, port, self._gossip_port),
            random.SystemRandom(),
            listened_ips(host),
            external_ip(self._config),
        )

    def _made_entry_nodes(self) -> EntryNodes:
        """All but ourselves: the first node of a network may list itself."""
        sock = self._socket
        family = sock.family
        if family == socket.AF_INET6:
            only_v6 = sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
            family = family if only_v6 else socket.AF_UNSPEC
        listed = self._config.auto_peering.entry_nodes
        others = [each for each in listed if each.public_key != self._identity.public_key]
        return EntryNodes(others, self._net, family, self._on_resolved)

    def _listen_to_neighbors(self) -> None:
        self.core.set_manual(self._listed)
        self._neighbors.up = self.core.link_up
        self._neighbors.lost = self._shell.lost
        self._neighbors.adopted = self._on_adopted

    def _remember(self) -> None:
        """What was known before the last stop."""
        interval_s = int(self._config.auto_peering.salt_update_interval_s)
        for public_key, record in self._store.chains(interval_s):
            self.core.load_chain(public_key, record)
        for public_key, (ip, port) in self._store.peers():
            self.core.add_known(public_key, ip, port)

    def is_broken(self) -> bool:
        """Whether a part that should run for ever has ended."""
        return any(task.done() for task in self._tasks)

    async def stop(self) -> None:
        """Tell the neighbors, free the port, keep what is worth it; also if it never started."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        if self._tasks:
            self._entry_nodes.stop()
            self._shell.close()
        self._socket.close()
        self._store.close()

    # What the core says

    def _on_events(self, news: Iterable[events.Event]) -> None:
        for event in news:
            act = self._acts.get(type(event))
            if act is not None:
                act(event)

    def _on_verified(self, event: events.PeerVerified) -> None:
        self._store.verified(event.peer)
        self._entry_nodes.answered(event.peer.public_key, self._net.unix_time())

    def _on_silent(self, event: events.EntryNodeSilent) -> None:
        self._entry_nodes.silent(event.public_key)

    def _on_chosen(self, event: events.NeighborChosen) -> None:
        self._select(event.peer, outbound=True)

    def _on_accepted(self, event: events.NeighborAccepted) -> None:
        self._select(event.peer, outbound=False)

    def _select(self, peer: Peer, *, outbound: bool) -> None:
        address = format_address(peer.ip, peer.gossip_port)
        kind = "chosen" if outbound else "accepted"
        log.info(f"neighbor {kind}", peer=base58_encode(peer.public_key), address=address)
        self._neighbors.select(peer.public_key, address, outbound, self._net.now())
        self._tell(NeighborChange(kind, neighbor_status(peer)))

    def _on_dropped(self, event: events.NeighborDropped) -> None:
        """Hang up, unless it is a known peer by now."""
        public_key = event.peer.public_key
        log.info("neighbor dropped", peer=base58_encode(public_key), why=event.why)
        self._tell(NeighborChange("dropped", neighbor_status(event.peer), event.why))
        self._note_whoever_did_not_dial(event)
        if self._neighbors.deselect(public_key):
            for table in (self._streams.links, self._streams.dials):
                if public_key in table:
                    table[public_key].close(REMOVED)

    def _note_whoever_did_not_dial(self, event: events.NeighborDropped) -> None:
        """Whom we accepted, and who gave up or let the time pass, may not reach our port."""
        peer = self._neighbors.selected.get(event.peer.public_key)
        if peer is None or peer.outbound or peer.last_connected:
            return
        if event.why in ("no-link", "dropped-by-peer"):
            link = FailedLink(peer.public_key, peer.address, outbound=False, reason=NO_LINK)
            self._neighbors.note_failure(link, time.monotonic())

    def _on_learnt(self, event: events.AddressLearnt) -> None:
        """Others reach us under this IP: a handshake for it is for us."""
        log.info("our address is learnt", ip=event.ip)
        address = format_address(event.ip, self._gossip_port).encode()
        self._streams.rules.addresses = [*self._own_addresses, address]

    # What the others say

    def _on_adopted(self, public_key: bytes) -> None:
        self.core.became_manual(public_key)
        self._shell.flush()

    def _on_resolved(self, public_key: bytes, ip: str, port: int) -> None:
        self.core.add_entry_node(public_key, ip, port)
        self._shell.flush()

    async def _save_regularly(self) -> None:
        """Write what changed; a record of this very second may still change."""
        since = 0
        while True:
            await asyncio.sleep(SAVE_INTERVAL_S)
            before, since = since, self._net.unix_time()
            self._store.keep_chains(self.core.chains_since(before))
            self._store.flush()

    async def _follow_interfaces(self) -> None:
        """The machine's addresses, as they come and go."""
        host = self._socket.getsockname()[0]
        while True:
            await asyncio.sleep(INTERFACES_INTERVAL_S)
            self.core.set_interfaces(listened_ips(host))

    async def _follow_mana(self, source: ManaSource) -> None:
        """Hand new figures to the core; what is wrong with the source is said once."""
        told = ""
        while True:
            try:
                mana = await source.read()
                if mana is not None:
                    self.core.set_mana(mana)
                    log.info("mana read", nodes=len(mana))
                    told = ""
            except ManaError as error:
                if str(error) != told:
                    log.warning("the mana stays as it was", why=str(error))
                told = str(error)
            await asyncio.sleep(source.interval_s)

    # What the web API asks

    def neighbors(self, *, known: bool) -> NeighborLists:
        """The verified peers, if asked for, and both kinds of neighbors."""
        return neighbor_lists(self.core, known=known)

    def status(self) -> AutoPeeringStatus:
        """Where it listens, how much it knows, and what it refused."""
        bound = self._socket.getsockname()[:2]
        return auto_peering_status(bound, self._shell, self._entry_nodes, self._neighbors)
