"""What the core tells, told on: to the log, and to everybody who follows the node's events.

In: the calls of shimlet.ports.Watcher, and what autopeering did. Out: log lines; "peer",
"neighbor" and "message" events of the hub; and what totals.py counts. Called by the core's shell
through Node, and by auto.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from shimlet.identity import base58_encode
from shimlet.ports import Watcher
from shimlet.reasons import ADDRESS_CHANGED, REMOVED, STOPPING
from shimlet.sentences import sentence

from shimlet_host.events import EventHub
from shimlet_host.logs import peer_fields
from shimlet_host.model import LOCAL, NeighborChange, PeerStatus, StoredMessage
from shimlet_host.totals import Totals

# Dials that ended because the operator said so are no news to the operator.
_OUR_DECISIONS = (REMOVED, STOPPING, ADDRESS_CHANGED)

log = structlog.get_logger()


class News(Watcher):
    """`status` gives a known peer's state by its key, None if it is not listed; `alias` the
    operator's name for it, "" for none.
    """

    def __init__(
        self,
        status: Callable[[bytes], PeerStatus | None],
        alias: Callable[[bytes], str],
        totals: Totals,
    ) -> None:
        self.hub = EventHub()
        self._totals = totals
        self._status = status
        self._alias = alias
        # Why the last call that claimed to be of a known peer was refused, until a link is up.
        self.refusals: dict[bytes, int] = {}
        self._failing: dict[
            bytes, int
        ] = {}  # why the last dial of a peer failed, until one succeeds

    def link_up(self, public_key: bytes, outbound: bool, source: str) -> None:
        dialled = "we" if outbound else "they"
        log.info("link up", **self._named(public_key), dialled=dialled, ip=source)
        self._totals.link_up(public_key)
        self.forget(public_key)
        self.peer_changed(public_key)

    def link_down(self, public_key: bytes, reason: int) -> None:
        log.info("link down", **self._named(public_key), why=sentence(reason))
        self._totals.link_down(public_key)
        self.peer_changed(public_key)

    def dial_failed(self, public_key: bytes, address: str, reason: int) -> None:
        """One line for each new cause; repetitions are for the debug level."""
        if reason in _OUR_DECISIONS:
            return
        self._totals.dial_failed(public_key, reason)
        write = log.debug if self._failing.get(public_key) == reason else log.info
        if self._status(public_key) is not None:  # else it was found, and there are many of those
            self._failing[public_key] = reason
        who = self._named(public_key)
        write("dial failed", **who, address=address, why=sentence(reason))
        self.peer_changed(public_key)

    def forget(self, public_key: bytes) -> None:
        """The peer is connected, or listed no more: what went wrong before does not count."""
        self._failing.pop(public_key, None)
        self.refusals.pop(public_key, None)

    def refused(self, source: str, claimed_key: bytes, reason: int) -> None:
        if self._status(claimed_key) is not None:
            self.refusals[claimed_key] = reason
        claims = base58_encode(claimed_key) if claimed_key else None
        alias = self._alias(claimed_key)
        log.debug("caller refused", ip=source, claims=claims, alias=alias, why=sentence(reason))

    def pending(self, public_key: bytes, source: str) -> None:
        peer = base58_encode(public_key)
        log.info("pending peer: list its key to accept it", peer=peer, ip=source)

    def message(self, data: bytes, message_id: bytes, public_key: bytes) -> None:
        """A message that is new here; the key is b"" for one of our own."""
        self._totals.message(own=not public_key)
        if len(self.hub):
            source = base58_encode(public_key) if public_key else LOCAL
            alias = self._alias(public_key)
            record = StoredMessage(message_id, data, time.time(), source, alias)
            self.hub.publish("message", record, len(data))

    def fault(self, error: Exception) -> None:
        log.error("a fault of our own closed one connection", exc_info=error)

    def neighbor_changed(self, change: NeighborChange) -> None:
        """Tell followers what autopeering did."""
        if len(self.hub):
            self.hub.publish("neighbor", change)

    def _named(self, public_key: bytes) -> dict[str, str]:
        return peer_fields(public_key, self._alias(public_key))

    def peer_changed(self, public_key: bytes) -> None:
        """Tell followers how this peer stands now."""
        if len(self.hub):
            status = self._status(public_key)
            if status is not None:
                self.hub.publish("peer", status)
