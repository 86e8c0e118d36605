"""The full node: wires the core to sockets, store and listeners, and is the facade that the web
API sees.

In: a Config, an identity and an open Store. Out: a running node whose methods are those of
model.NodeApi. Everything runs on one event loop, so no method needs a lock. Called by service.py,
which adds signals and the web server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import structlog
from shimlet import __version__, gossip
from shimlet.gossip import MAX_MESSAGE, Gossip
from shimlet.handshake import Rules
from shimlet.identity import base58_decode, base58_encode, format_address
from shimlet.sentences import name
from shimlet.streams import Limits, Streams

from shimlet_host.auto import Auto
from shimlet_host.config import Config, PeerEntry
from shimlet_host.configured import PeerChanges
from shimlet_host.events import Subscription
from shimlet_host.identity import HostIdentity
from shimlet_host.interfaces import interface_addresses
from shimlet_host.message_store import MessageStore
from shimlet_host.model import (
    LOCAL,
    MessageError,
    NeighborLists,
    NodeInfo,
    NodeTotals,
    PeerMark,
    PeerStatus,
    PendingStatus,
    StoredMessage,
)
from shimlet_host.neighbors import Neighbors
from shimlet_host.net import HostNet, Listener
from shimlet_host.news import News
from shimlet_host.reachability import Reachability
from shimlet_host.roster import Roster
from shimlet_host.sntp import TimeServer
from shimlet_host.store import Store
from shimlet_host.totals import Totals

MAX_KNOWN_PEERS = 1000  # more than anybody types; each costs one dial per reconnectInterval
SEEN_MESSAGES = 20_000  # ids remembered so that nothing is delivered twice: twice the store
REPLAY_CAPACITY = 4096  # accepted requests of the last 40 s: far more than 1,000 peers send
FLUSH_INTERVAL_S = 0.5

log = structlog.get_logger()


class _Messages(gossip.Store):
    """Gossip's view of the store: sources are keys there, and names here."""

    def __init__(self, store: MessageStore) -> None:
        self._store = store

    def put(self, message_id: bytes, data: bytes, source: bytes) -> None:
        """Keep a new message."""
        self._store.put(message_id, data, base58_encode(source) if source else LOCAL)

    def get(self, message_id: bytes) -> bytes | None:
        """The message, or None."""
        return self._store.get(message_id)


class Node:
    """One full node. `net` is handed in by tests that want another clock."""

    def __init__(
        self, config: Config, identity: HostIdentity, store: Store, net: HostNet | None = None
    ) -> None:
        self.config = config
        self.identity = identity
        self.store = store
        self.net = net or HostNet()
        self._totals = Totals()
        self.news = News(self.status, self._alias, self._totals)
        self.listener: Listener | None = None
        self.time_server: TimeServer | None = None
        self.auto: Auto | None = None
        self.reachability: Reachability | None = None
        self._started = time.monotonic()
        self._tasks: list[asyncio.Task[None]] = []
        self._neighbors = Neighbors(identity.public_key, MAX_KNOWN_PEERS)
        self.streams = self._wire(self._neighbors)
        self.roster = Roster(config.manual_peering.known_peers, store, self.streams)
        self._totals.follow(self.streams.links, self.roster)

    def _wire(self, manual: Neighbors) -> Streams:
        config = self.config
        manual.reconnect_interval_ms = round(config.manual_peering.reconnect_interval_s * 1000)
        manual.max_backoff_ms = round(config.manual_peering.max_backoff_s * 1000)
        stored = _Messages(self.store.messages)
        messages = Gossip(self.identity, stored, SEEN_MESSAGES, relays=True)
        rules = Rules(config.profile, [], REPLAY_CAPACITY)
        limits = Limits()
        limits.frame_bytes = config.gossip.buffer_size
        limits.tick_ms = min(limits.tick_ms, max(10, manual.reconnect_interval_ms // 2))
        return Streams(self.identity, manual, messages, rules, self.net, limits, self.news)

    # Life

    def listen(self) -> None:
        """Take the ports. Raises ServeError; nothing is accepted or answered before start()."""
        host, port = self.config.gossip.bind_address
        self.listener = Listener(host, port, self.streams.on_stream)
        self.streams.rules.addresses = [text.encode() for text in self._own_addresses()]
        if self.config.sntp.bind_address is not None:
            self.time_server = TimeServer(*self.config.sntp.bind_address)
        if self.config.auto_peering.enabled:
            tell = self.news.neighbor_changed
            self.auto = Auto(self.config, self.identity, self._neighbors, self.net, tell)

    def _own_addresses(self) -> list[str]:
        """The "ip:port" texts that a request may be meant for, beside the socket's own."""
        assert self.listener is not None
        return [self.listener.address, *self._further_addresses()]

    def _further_addresses(self) -> list[str]:
        """Those that the config names."""
        addresses = list(self.config.gossip.addresses)
        external = self.config.network.external_address
        if external != "auto" and self.listener is not None:
            addresses.append(format_address(external, self.listener.port))
        return addresses

    async def start(self) -> None:
        """List the known peers, begin to dial and to accept. PeerError for a bad list."""
        if self.listener is None:
            self.listen()
        self.roster.load()
        assert self.listener is not None
        self.listener.start()
        if self.time_server is not None:
            await self.time_server.start()
        if self.auto is not None:
            self.auto.start(self.streams, self.listener.port, self.roster)
        self.reachability = Reachability(
            self.config, self.identity, self.streams, self.net, self.listener.address, self.auto
        )
        self._tasks = [
            asyncio.create_task(self.streams.run()),
            asyncio.create_task(self._flush_regularly()),
        ]

    async def _flush_regularly(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            self.store.messages.flush()

    async def stop(self) -> None:
        """Close every link and listener; the store stays open for its owner to close."""
        if self.listener is not None:
            self.listener.close()
        if self.time_server is not None:
            self.time_server.close()
        if self.auto is not None:
            await self.auto.stop()
        self.news.hub.close()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks = []
        self.store.messages.flush()

    # What the web API asks (model.NodeApi)

    def add_peers(self, entries: Sequence[PeerEntry]) -> None:
        """List peers, all or none; kept on disk before it returns. PeerError, StoreError."""
        self.roster.add(entries)
        for entry in entries:
            self.news.peer_changed(entry.public_key)

    def remove_peers(self, public_keys: list[bytes]) -> None:
        """Forget peers and close their links at once; unknown keys are fine. StoreError."""
        self.roster.remove(public_keys)
        for public_key in public_keys:
            self.news.forget(public_key)

    def follow_config(self, entries: Sequence[PeerEntry]) -> PeerChanges:
        """The config lists these peers now; who did not change keeps the link.

        PeerError or StoreError: nothing has changed.
        """
        found = self.roster.follow_config(entries)
        for public_key in found.removed:
            self.news.forget(public_key)
        for public_key in found.touched:
            self.news.peer_changed(public_key)
        return found

    def mark_peers(self, marks: list[PeerMark]) -> None:
        """Give known peers names, switch them off and on, all or none. PeerError, StoreError."""
        self.roster.mark(marks)
        for mark in marks:
            self.news.peer_changed(mark.public_key)

    def peers(self) -> Sequence[PeerStatus]:
        """All known peers as they stand now."""
        return self.roster.peers()

    def status(self, public_key: bytes) -> PeerStatus | None:
        """One known peer as it stands now, None if it is not listed."""
        return self.roster.status(public_key)

    def pending(self) -> Sequence[PendingStatus]:
        """Authenticated callers that nobody listed."""
        return self.roster.pending()

    def neighbors(self, *, known: bool) -> NeighborLists:
        """What autopeering has found; nothing while it is off."""
        return self.auto.neighbors(known=known) if self.auto else NeighborLists()

    def publish(self, data: bytes) -> bytes:
        """Send a message to all neighbors; its id. MessageError when it is empty or too large."""
        if not data:
            raise MessageError("The message is empty.")
        if len(data) > MAX_MESSAGE:
            raise MessageError(f"The message has {len(data)} bytes; at most {MAX_MESSAGE} fit.")
        message_id = self.streams.publish(data)
        self.news.message(data, message_id, b"")
        return message_id

    def messages(self, limit: int) -> Sequence[StoredMessage]:
        """The newest messages, newest first. StoreError."""
        return [self._with_alias(message) for message in self.store.messages.newest(limit)]

    def _with_alias(self, message: StoredMessage) -> StoredMessage:
        if message.source == LOCAL:
            return message
        return replace(message, alias=self._alias(base58_decode(message.source)))

    def _alias(self, public_key: bytes) -> str:
        return self.roster.alias(public_key)

    def info(self) -> NodeInfo:
        """Who this node is."""
        return NodeInfo(
            public_key=self.identity.public_key,
            node_id=self.identity.node_id,
            version=__version__,
            profile=self.config.profile,
            gossip_address=self.listener.address if self.listener else "",
            uptime_s=time.monotonic() - self._started,
            unix_time=self.net.unix_time(),
            interfaces=tuple(interface_addresses()),
            addresses=tuple(self._further_addresses()),
            refusals={key: name(reason) for key, reason in self.news.refusals.items()},
            time_server=self.time_server.status() if self.time_server else None,
            auto_peering=self.auto.status() if self.auto else None,
            reachability=self.reachability.results if self.reachability else (),
        )

    def totals(self) -> NodeTotals:
        """What was counted since the start."""
        return NodeTotals(
            links=self._totals.of_all(),
            peers=self._totals.of_peers(),
            published=self._totals.published,
            received=self._totals.received,
            stored=self.store.messages.stored,
            lost=self.store.messages.lost,
            refusals={name(reason): n for reason, n in self.streams.refusals.items()},
        )

    def is_broken(self) -> bool:
        """Whether a part that should run for ever has ended: only a restart helps."""
        return any(task.done() for task in self._tasks) or (
            self.auto is not None and self.auto.is_broken()
        )

    def unready(self) -> str:
        """Why the node cannot do its work now, as a sentence; "" if it can."""
        if not self._tasks:
            return "The node is starting or stopping."
        if self.is_broken():
            return "A part of the node has ended: restart it."
        if not self.net.unix_time():
            return "The clock of this machine is not set: set it, then peers can be linked."
        return ""

    def subscribe(self) -> Subscription:
        """News from now on. Raises events.TooManyListeners."""
        return self.news.hub.subscribe()
