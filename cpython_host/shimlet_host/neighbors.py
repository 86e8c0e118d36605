"""Whom a full node keeps links with: the peers that the operator listed, and beside them the
neighbors that autopeering selected.

To the core's shell (shimlet.streams) this is its ManualPeering, so both kinds of link are the same
links. In go select() and deselect(); out come the three calls up, lost and adopted, and why links
failed. An identity that is listed is never one of the selected: listing a selected one adopts it
with its link, and nothing that selection does can reach it afterwards. Called by auto.py and by
the shell.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from shimlet.manual import KnownPeer, ManualPeering
from shimlet.reasons import WRONG_DIRECTION
from shimlet.sentences import name
from shimlet.ticks import after

from shimlet_host.model import FailedLink

DIALS = 3  # of a chosen neighbor, until it counts as lost: the other side waits 4 s
REDIAL_MS = 500  # as existing nodes
MAX_FAILED = 32  # links of which the reason is kept: four neighborhoods
FAILED_S = 600.0  # older failures say nothing about how it is now
NO_LINK = "no-link"  # an accepted neighbor never dialled

KeyCall = Callable[[bytes], None]


def _nobody_cares(public_key: bytes) -> None:
    pass


class Neighbors(ManualPeering):
    """Listed and selected peers. `up` and `lost` tell of a selected one's link, `adopted` that a
    selected one is listed now.
    """

    def __init__(self, public_key: bytes, max_known: int) -> None:
        super().__init__(public_key, max_known)
        self.selected: dict[bytes, KnownPeer] = {}
        self._failed: dict[bytes, tuple[float, FailedLink]] = {}  # since when; the latest last
        self.up: KeyCall = _nobody_cares
        self.lost: KeyCall = _nobody_cares
        self.adopted: KeyCall = _nobody_cares

    # What autopeering says

    def select(self, public_key: bytes, address: str, outbound: bool, now: int) -> None:
        """Dial this peer (outbound), or accept it, until it is deselected."""
        if public_key in self.known_peers:
            return
        peer = KnownPeer(public_key, address, outbound)
        peer.last_timestamp = self._last_timestamp
        peer.next_attempt = now
        self.selected[public_key] = peer

    def deselect(self, public_key: bytes) -> bool:
        """Neither dial nor accept it any more; the caller closes its link. False: it was none."""
        return self.selected.pop(public_key, None) is not None

    # What the operator says

    def add(self, public_key: bytes, address: str, now: int) -> int:
        """As ManualPeering.add(); a selected peer moves to the list, and its link lives on."""
        peer = self.selected.get(public_key)
        if peer is None or self.refuses(public_key):
            return super().add(public_key, address, now)
        del self.selected[public_key]
        self.pending.forget(public_key)
        peer.address = address
        peer.outbound = self.public_key < public_key
        peer.failures = 0
        peer.next_attempt = now
        self.known_peers[public_key] = peer
        self.adopted(public_key)
        return 0

    # What the shell asks and says

    def find(self, public_key: bytes) -> KnownPeer | None:
        """Whose link may stand."""
        return self.known_peers.get(public_key) or self.selected.get(public_key)

    def accepts(self, public_key: bytes) -> int:
        """0 if we wait for this caller: a listed peer, or an accepted neighbor."""
        peer = self.selected.get(public_key)
        if peer is None:
            return super().accepts(public_key)
        return WRONG_DIRECTION if peer.outbound else 0

    def due(self, now: int) -> KnownPeer | None:
        """A peer to dial now."""
        peer = super().due(now)
        if peer is not None:
            return peer
        for peer in self.selected.values():
            idle = peer.outbound and not peer.dialling and not peer.connected
            if idle and not self._must_wait(peer, now):
                return peer
        return None

    def failed(self, peer: KnownPeer, reason: int, now: int, random_byte: int) -> None:
        """A dial led to no link: a selected peer gets few more, and soon."""
        if not self._is_selected(peer):
            return super().failed(peer, reason, now, random_byte)
        peer.dialling = False
        peer.failures += 1
        peer.next_attempt = after(now, REDIAL_MS)
        link = FailedLink(peer.public_key, peer.address, True, name(reason))
        self.note_failure(link, time.monotonic())
        if peer.failures >= DIALS and not peer.connected:
            self._lose(peer)

    def connected(self, peer: KnownPeer, unix_time: int) -> None:
        """A link is up."""
        super().connected(peer, unix_time)
        self._failed.pop(peer.public_key, None)
        if self._is_selected(peer):
            self.up(peer.public_key)

    def disconnected(self, peer: KnownPeer, reason: int, now: int, random_byte: int) -> None:
        """A link is gone: a selected peer is none any more, a listed one is dialled again."""
        super().disconnected(peer, reason, now, random_byte)
        if self._is_selected(peer):
            self._lose(peer)

    def note_failure(self, link: FailedLink, now_s: float) -> None:
        """Remember for a while why a neighbor's link did not come up, or until one does."""
        self._failed.pop(link.public_key, None)
        self._failed[link.public_key] = (now_s, link)
        if len(self._failed) > MAX_FAILED:
            del self._failed[next(iter(self._failed))]

    def failed_links(self, now_s: float) -> list[FailedLink]:
        """The links that failed of late; times are of the monotonic clock."""
        return [link for then, link in self._failed.values() if now_s - then < FAILED_S]

    def _is_selected(self, peer: KnownPeer) -> bool:
        """Not one that was selected before, and whose connection ends only now."""
        return self.selected.get(peer.public_key) is peer

    def _lose(self, peer: KnownPeer) -> None:
        del self.selected[peer.public_key]
        self.lost(peer.public_key)
