"""The known peers as the operator keeps them: listed, given names, switched off.

In: what the operator changes, by the API or in the config; the last change counts, and is on the
disk before it returns. Out: the core's list holds the enabled ones, and `peers` tells how all of
them stand. A disabled peer stays listed here, and is to the core a stranger: neither dialled nor
accepted. Made and asked by node.py.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import structlog
from shimlet import reasons
from shimlet.connection import Connection
from shimlet.identity import base58_encode
from shimlet.manual import KnownPeer
from shimlet.sentences import name, sentence
from shimlet.streams import Streams
from shimlet.ticks import since

from shimlet_host.config.peers import PeerEntry
from shimlet_host.configured import FROM_CONFIG, PeerChanges, changes
from shimlet_host.logs import peer_fields
from shimlet_host.model import PeerError, PeerMark, PeerStatus, PendingStatus
from shimlet_host.net import HostStream
from shimlet_host.store import Store

DISABLED = "disabled"  # a state beside those of the core
STAYS_AWAY = "a removed peer is still in the config; it stays away until its entry changes"

log = structlog.get_logger()


class Roster:
    """All known peers of one node, at most as many as the core's list takes."""

    def __init__(self, configured: Sequence[PeerEntry], store: Store, streams: Streams) -> None:
        self._configured = configured
        self._store = store
        self._streams = streams
        self._manual = streams.manual
        self._disabled: dict[bytes, str] = {}  # key -> address
        self._aliases: dict[bytes, str] = {}

    def load(self) -> None:
        """All that are known after what changed in the config since the last start.

        PeerError for a bad list, StoreError.
        """
        self._note_config(self._configured, room=None)
        marks = self._store.marks()
        self._aliases = {mark.public_key: mark.alias for mark in marks if mark.alias}
        off = {mark.public_key for mark in marks if mark.enabled is False}
        # If not all fit, those of the config come first.
        for stored in sorted(self._store.peers(), key=lambda peer: peer.source != FROM_CONFIG):
            reason = self._list(stored.public_key, stored.address, off)
            if reason:
                who = self.named(stored.public_key)
                log.warning("a stored peer was left out", **who, why=sentence(reason))
        for entry in self._configured:
            if entry.public_key not in self:
                log.info(STAYS_AWAY, **self.named(entry.public_key))

    def follow_config(self, entries: Sequence[PeerEntry]) -> PeerChanges:
        """The config was read again: make what changed there, all or none. PeerError, StoreError.

        Who did not change keeps the link.
        """
        found = self._note_config(entries, room=self._manual.max_known)
        self._configured = entries
        for public_key in found.removed:
            log.info("known peer removed by the config", **self.named(public_key))
            self._forget(public_key)
        for public_key, address in found.addressed:
            self._list(public_key, address, self._disabled)
        self._apply(found.marks)
        for public_key in found.touched:
            status = self.status(public_key)
            assert status is not None
            address, enabled = status.address, status.enabled
            who = self.named(public_key)
            log.info("known peer as the config has it", **who, address=address, enabled=enabled)
        return found

    def _note_config(self, entries: Sequence[PeerEntry], room: int | None) -> PeerChanges:
        """What changed in the config, already on the disk. `room`: how many may be known."""
        if len(entries) > self._manual.max_known:
            raise self._full("manualPeering.knownPeers: ")
        for entry in entries:
            self._refuse_unfit(entry.public_key, "manualPeering.knownPeers: ")
        sources = {peer.public_key: peer.source for peer in self._store.peers()}
        found = changes(self._store.configured(), entries, sources)
        known = (sources.keys() - set(found.removed)) | {key for key, _ in found.addressed}
        if room is not None and len(known) > room:
            raise self._full("manualPeering.knownPeers: ")
        self._store.follow_config(entries, found)
        return found

    def _full(self, where: str) -> PeerError:
        most = self._manual.max_known
        return PeerError(f"{where}{sentence(reasons.LIST_FULL)} It holds {most} peers.")

    def _list(self, public_key: bytes, address: str, off: Iterable[bytes]) -> int:
        """0, or the reason why the core does not take it."""
        if public_key not in off:
            return self._streams.add(public_key, address)
        reason = self._manual.refuses(public_key)
        if not reason:
            self._disabled[public_key] = address
        return reason

    # The operator's changes

    def add(self, entries: Sequence[PeerEntry]) -> None:
        """List peers, or give listed ones a new address, all or none; alias and switch of a listed
        one stay unless its entry says them.
        """
        for entry in entries:
            self._refuse_unfit(entry.public_key, "")
        added = {entry.public_key: entry.address for entry in entries}
        keys = {*self._manual.known_peers, *self._disabled, *added}
        if len(keys) > self._manual.max_known:
            raise self._full("")
        marks = [PeerMark(each.public_key, each.alias, each.enabled) for each in entries]
        said = [mark for mark in marks if (mark.alias, mark.enabled) != (None, None)]
        self._store.add_peers(added.items(), said)
        for public_key, address in added.items():
            self._list(public_key, address, self._disabled)
        self._apply(said)

    def _refuse_unfit(self, public_key: bytes, where: str) -> None:
        reason = self._manual.refuses(public_key)
        if reason == reasons.OWN_KEY:
            key = base58_encode(public_key)
            raise PeerError(f"{where}public key {key}: {sentence(reason)}")

    def remove(self, public_keys: list[bytes]) -> None:
        """Forget peers, their names too, and close their links at once."""
        self._store.remove_peers(public_keys)
        configured = {entry.public_key for entry in self._configured}
        for public_key in public_keys:
            who = self.named(public_key)
            if self._forget(public_key) and public_key in configured:
                log.info(STAYS_AWAY, **who)

    def _forget(self, public_key: bytes) -> bool:
        """False: it was not listed."""
        self._aliases.pop(public_key, None)
        disabled = self._disabled.pop(public_key, None) is not None
        return self._streams.remove(public_key) or disabled

    def mark(self, marks: Sequence[PeerMark]) -> None:
        """Give names, switch off and on: all or none."""
        for mark in marks:
            if mark.public_key not in self:
                key = base58_encode(mark.public_key)
                raise PeerError(f"Nothing was changed: {key} is not a known peer.")
        self._store.put_marks(marks)
        self._apply(marks)

    def _apply(self, marks: Iterable[PeerMark]) -> None:
        for mark in marks:
            if mark.alias is not None:
                self._aliases[mark.public_key] = mark.alias
            if mark.enabled is not None:
                self._switch(mark.public_key, mark.enabled)

    def _switch(self, public_key: bytes, enabled: bool) -> None:
        if enabled and public_key in self._disabled:
            self._streams.add(public_key, self._disabled.pop(public_key))
        elif not enabled and public_key not in self._disabled:
            self._disabled[public_key] = self._manual.known_peers[public_key].address
            self._streams.remove(public_key)

    def __contains__(self, public_key: object) -> bool:
        """Whether this peer is listed, enabled or not."""
        return public_key in self._manual.known_peers or public_key in self._disabled

    def __iter__(self) -> Iterator[bytes]:
        """Their public keys, the disabled ones last."""
        return chain(self._manual.known_peers, self._disabled)

    def __len__(self) -> int:
        return len(self._manual.known_peers) + len(self._disabled)

    # How they stand

    def named(self, public_key: bytes) -> dict[str, str]:
        """The peer as a line of the log names it."""
        return peer_fields(public_key, self.alias(public_key))

    def alias(self, public_key: bytes) -> str:
        """The operator's name for a peer, "" for none."""
        return self._aliases.get(public_key, "")

    def peers(self) -> list[PeerStatus]:
        """All known peers as they stand now, the disabled ones last."""
        return [status for key in self if (status := self.status(key)) is not None]

    def status(self, public_key: bytes) -> PeerStatus | None:
        """One known peer as it stands now, None if it is not listed."""
        peer = self._manual.known_peers.get(public_key)
        if peer is not None:
            return self._status(peer)
        address = self._disabled.get(public_key)
        if address is None:
            return None
        outbound = self._manual.public_key < public_key
        alias = self._aliases.get(public_key, "")
        return PeerStatus(public_key, address, outbound, DISABLED, alias=alias, enabled=False)

    def _status(self, peer: KnownPeer) -> PeerStatus:
        clock_is_set = bool(self._streams.net.unix_time())
        state = peer.state(clock_is_set)
        connection = self._streams.links.get(peer.public_key)
        return PeerStatus(
            public_key=peer.public_key,
            address=peer.address,
            outbound=peer.outbound,
            state=state,
            last_error=name(peer.last_error),
            last_error_text=sentence(peer.last_error),
            last_connected=peer.last_connected or None,
            next_attempt=self._next_attempt(peer) if state == "backing-off" else None,
            counters=counters(connection) if connection else {},
            alias=self._aliases.get(peer.public_key, ""),
            rtt_ms=rtt_ms(connection) if connection else None,
        )

    def _next_attempt(self, peer: KnownPeer) -> float:
        wait_ms = max(0, since(peer.next_attempt, self._streams.net.now()))
        return round(time.time() + wait_ms / 1000, 3)

    def pending(self) -> list[PendingStatus]:
        """Authenticated callers that are not listed; the disabled ones are."""
        return [
            PendingStatus(p.public_key, p.source, p.first_seen, p.last_seen, p.attempts)
            for p in self._manual.pending.peers
            if p.public_key not in self._disabled
        ]


def counters(connection: Connection) -> dict[str, int]:
    """What went over the live link of a peer since it came up."""
    link = connection.link
    stream = connection.stream
    return {
        "bytesIn": link.bytes_received,
        "bytesOut": stream.bytes_sent if isinstance(stream, HostStream) else 0,
        "messagesIn": connection.messages_in,
        "messagesOut": connection.messages_out,
        "duplicates": connection.duplicates,
        "ignored": connection.ignored,
        "framesSkipped": link.frames_skipped,
        "queuedBytes": connection.outbox.queued_bytes,
        "dropped": connection.outbox.dropped,
    }


def rtt_ms(connection: Connection) -> float | None:
    """The round trip of a live link as the kernel measures it, None where it does not tell."""
    stream = connection.stream
    return stream.rtt_ms() if isinstance(stream, HostStream) else None
