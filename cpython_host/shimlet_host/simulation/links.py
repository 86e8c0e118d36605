"""The TCP links between neighbors, as the cores see them: they come up, stand, and are lost.

A link needs a dialler, and somebody who waits for this identity. Whoever hangs up is noticed at
once; one that crashed, or is behind a partition, only when its keep-alives have been missing for
100 s. Every link's life is written down. Called by node.py and the attackers.
"""

from __future__ import annotations

from typing import Protocol

from shimlet_host.simulation.clock import Clock
from shimlet_host.simulation.network import Network

SILENCE_S = 100.0  # protocol.md: a peer that is silent for so long is dead
_HANDSHAKE = 3  # ways from one side to the other until the dialler has its answer


class LinkEnd(Protocol):
    """Whoever can have links."""

    ip: str
    public_key: bytes
    links: dict[bytes, Link]

    @property
    def is_up(self) -> bool:
        """Whether it runs."""

    def awaits(self, public_key: bytes) -> bool:
        """Whether it would take a link from this identity."""

    def dials(self, public_key: bytes) -> bool:
        """Whether it still wants the link that it asked for."""

    def link_up(self, public_key: bytes) -> None:
        """The link stands."""

    def link_lost(self, public_key: bytes) -> None:
        """It ended, or never came up."""


class Link:
    """One link; `since` is the moment in which it came up."""

    __slots__ = ("ends", "since")

    def __init__(self, dialler: LinkEnd, accepter: LinkEnd, since: float) -> None:
        self.ends = (dialler, accepter)
        self.since = since

    def other(self, end: LinkEnd) -> LinkEnd:
        """Who is at the other side."""
        return self.ends[1] if end is self.ends[0] else self.ends[0]


class Links:
    """All links of a run. `lifetimes_s` are those of the ended ones."""

    def __init__(self, clock: Clock, network: Network) -> None:
        self._clock = clock
        self._network = network
        self._ends: dict[bytes, LinkEnd] = {}
        self.standing: dict[Link, None] = {}
        self.lifetimes_s: list[float] = []

    def join(self, end: LinkEnd) -> None:
        """Somebody can be dialled from now on."""
        self._ends[end.public_key] = end

    def leave(self, end: LinkEnd) -> None:
        """It cannot any more."""
        self._ends.pop(end.public_key, None)

    def dial(self, dialler: LinkEnd, public_key: bytes) -> None:
        """Try to link; the dialler is told how it went."""
        delay_s = _HANDSHAKE * self._network.delay_s()
        self._clock.after(delay_s, self._dialled, dialler, public_key)

    def _dialled(self, dialler: LinkEnd, public_key: bytes) -> None:
        other = self._ends.get(public_key)
        if not dialler.is_up or not dialler.dials(public_key):
            return
        if (
            other is None
            or not self._reach(dialler, other)
            or not other.awaits(dialler.public_key)
        ):
            dialler.link_lost(public_key)
            return
        self._end(dialler.links.get(public_key))  # a newer link replaces the older
        link = Link(dialler, other, self._clock.now)
        self.standing[link] = None
        for end in link.ends:
            end.links[link.other(end).public_key] = link
        for end in link.ends:
            end.link_up(link.other(end).public_key)

    def _reach(self, one: LinkEnd, other: LinkEnd) -> bool:
        return one.is_up and other.is_up and self._network.are_connected(one.ip, other.ip)

    def hang_up(self, end: LinkEnd, public_key: bytes) -> None:
        """Close a link, if there is one; the other side notices, unless it cannot hear."""
        link = end.links.pop(public_key, None)
        if link is None:
            return
        other = link.other(end)
        heard = self._network.are_connected(end.ip, other.ip)
        self._end(link)
        self._clock.after(self._network.delay_s() if heard else SILENCE_S, _notice, other, link)

    def fall_silent(self, end: LinkEnd) -> None:
        """A node crashed: the others miss its keep-alives after a while."""
        for link in list(end.links.values()):
            self._end(link)
            self._clock.after(SILENCE_S, _notice, link.other(end), link)
        end.links.clear()

    def tear(self) -> None:
        """A partition began: the links across it are dead, and found so after a while."""
        for link in list(self.standing):
            if not self._network.are_connected(link.ends[0].ip, link.ends[1].ip):
                self._clock.after(SILENCE_S, self._torn, link)

    def _torn(self, link: Link) -> None:
        if not self._reach(*link.ends):
            self._end(link)
            for end in link.ends:
                _notice(end, link)

    def _end(self, link: Link | None) -> None:
        if link in self.standing:
            del self.standing[link]
            self.lifetimes_s.append(self._clock.now - link.since)


def _notice(end: LinkEnd, link: Link) -> None:
    """Tell one side that its link is gone, if it is still that one."""
    key = link.other(end).public_key
    if end.is_up and end.links.get(key) is link:
        del end.links[key]
        end.link_lost(key)
