"""What changed in the config's list of known peers since the node last looked at it.

In: the list as it was looked at last, the list as it is, and who is known from where. Out: the
changes to make. The rule is the same at the start and at a reload: the last change counts, made in
the config or by the API. So an entry that has not changed changes nothing, and of one that has
only what it says differently counts. Pure; called by roster.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from shimlet_host.config.peers import PeerEntry
from shimlet_host.model import PeerMark

FROM_CONFIG, FROM_API = "config", "api"  # StoredPeer.source; one of both is FROM_API

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PeerChanges:
    """What the config wants changed: peers to forget, to list or give an address, to mark."""

    removed: tuple[bytes, ...] = ()
    addressed: tuple[tuple[bytes, str], ...] = ()
    marks: tuple[PeerMark, ...] = ()

    @property
    def touched(self) -> set[bytes]:
        """The keys of all that are listed or changed."""
        return {key for key, _ in self.addressed} | {mark.public_key for mark in self.marks}


def changes(
    before: Sequence[PeerEntry], now: Sequence[PeerEntry], sources: Mapping[bytes, str]
) -> PeerChanges:
    """`sources`: where each known peer comes from. Who was added by the API is never removed."""
    old = {entry.public_key: entry for entry in before}
    changed = [entry for entry in now if old.get(entry.public_key) != entry]
    addressed, marks = [], []
    for entry in changed:
        key = entry.public_key
        # The entry of a peer that the API removed counts as a new one.
        was = old.get(key) if key in sources else None
        if was is None or was.address != entry.address:
            addressed.append((key, entry.address))
        alias = _said(was and was.alias, entry.alias, "")
        enabled = _said(was and was.enabled, entry.enabled, True)
        if alias is not None or enabled is not None:
            marks.append(PeerMark(key, alias, enabled))
    gone = old.keys() - {entry.public_key for entry in now}
    removed = [key for key in old if key in gone and sources.get(key) == FROM_CONFIG]
    return PeerChanges(tuple(removed), tuple(addressed), tuple(marks))


def _said(before: T | None, now: T | None, default: T) -> T | None:
    """What an entry says anew; the default if it says nothing any more; None: no change."""
    if before == now:
        return None
    return default if now is None else now
