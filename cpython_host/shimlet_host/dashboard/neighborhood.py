"""The neighborhood as a picture: this node in the middle, around it those it has links with.

In: a View. Out: `Spot`s with their places on a disc of radius 1, kinds and labels. A kind says how
the link came about: `manual` peers are listed by hand, `chosen` and `accepted` ones were found by
autopeering. `board` is a manual peer that passed on readings and does not take part in
autopeering. That is a guess: a handshake does not tell what a node runs on, so a full node without
autopeering that relays a board's readings looks the same. Pure. Used by the graph's card.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from shimlet_host.dashboard.watch import View
from shimlet_host.dashboard.words import printable, short_key
from shimlet_host.key_text import key_text

MAX_SPOTS = 40  # two rings whose signs stand apart
ONE_RING = 12
INNER, OUTER = 0.58, 1.0

LONGEST_LABEL = 16  # characters; the list beside the picture has the whole name
KINDS = ("manual", "board", "chosen", "accepted")


@dataclass(frozen=True, slots=True)
class Spot:
    """One node around us. `linked`: its link is up; `outbound`: we dial."""

    key: str
    label: str
    kind: str
    linked: bool
    outbound: bool
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class _Found:
    key: bytes
    label: str
    kind: str
    linked: bool
    outbound: bool


def spots_of(view: View) -> tuple[list[Spot], int]:
    """The nodes around us, and how many more there are than are shown."""
    found = sorted(_found(view), key=lambda each: (not each.linked, KINDS.index(each.kind)))
    shown, left_out = found[:MAX_SPOTS], max(0, len(found) - MAX_SPOTS)
    shown.sort(key=lambda each: (KINDS.index(each.kind), each.key))
    places = _places(len(shown))
    spots = [
        Spot(key_text(each.key), each.label, each.kind, each.linked, each.outbound, *place)
        for each, place in zip(shown, places, strict=True)
    ]
    return spots, left_out


def _found(view: View) -> list[_Found]:
    boards = boards_of(view)
    found = [
        _Found(
            peer.public_key,
            _label(peer.public_key, peer.alias),
            "board" if key_text(peer.public_key) in boards else "manual",
            peer.connected,
            peer.outbound,
        )
        for peer in view.peers
        if peer.enabled
    ]
    listed = {peer.public_key for peer in view.peers}
    lists = (("chosen", view.neighbors.chosen), ("accepted", view.neighbors.accepted))
    for kind, neighbors in lists:
        found += [
            _Found(each.public_key, _label(each.public_key, ""), kind, True, kind == "chosen")
            for each in neighbors
            if each.public_key not in listed
        ]
    return found


def boards_of(view: View) -> set[str]:
    """Keys of those that passed on readings and were never seen in autopeering."""
    lists = view.neighbors
    seen = (*lists.known, *lists.chosen, *lists.accepted)
    full = {key_text(each.public_key) for each in seen}
    return {series.source for series in view.series} - full


def _label(public_key: bytes, alias: str) -> str:
    return printable(alias, LONGEST_LABEL) or short_key(key_text(public_key))


def _places(count: int) -> list[tuple[float, float]]:
    """On one ring, or on two in turns."""
    places = []
    for number in range(count):
        angle = 2 * math.pi * number / max(count, 1) - math.pi / 2
        radius = INNER if count > ONE_RING and number % 2 else OUTER
        places.append((round(radius * math.cos(angle), 4), round(radius * math.sin(angle), 4)))
    return places
