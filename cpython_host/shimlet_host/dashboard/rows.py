"""The lists of the dashboard: records of the node as rows of text.

In: a View. Out: dicts of strings for `row_list.js`, which shows them as text and nothing else. A
row has `id`, and as wanted `chip` (a state and its `tone`), `title`, `key`, `meta`, `note`,
`text`, `side`, and `actions`: each a word for the page, an icon and its label. Pure. Used by the
cards of the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shimlet_host.dashboard.watch import SeenMessage, View
from shimlet_host.dashboard.words import duration, printable, short_key, size, tone_of
from shimlet_host.key_text import key_text
from shimlet_host.model import LOCAL, NeighborStatus, PeerStatus, PendingStatus

LONGEST_NAME = 64  # characters: an alias at its longest
LONGEST_ADDRESS = 120
LONGEST_NOTE = 300
STEP_S = 5  # of the seconds that are told

Row = dict[str, Any]

_RENAME = ["rename", "edit", "Rename"]
_DISABLE = ["disable", "pause", "Disable: neither dial nor accept it"]
_ENABLE = ["enable", "play_arrow", "Enable"]
_REMOVE = ["remove", "delete_outline", "Remove"]
# Trouble comes first. A peer that fails goes to and fro between dialling and backing off: its row
# stays where it is, under the finger that is about to touch it.
_LATER = {"waiting": 1, "connected": 2, "disabled": 3}


def names_of(peers: Sequence[PeerStatus]) -> dict[str, str]:
    """Aliases by base58 keys."""
    return {key_text(peer.public_key): peer.alias for peer in peers if peer.alias}


def peer_rows(peers: Sequence[PeerStatus], now: float) -> list[Row]:
    """Known peers."""
    return [_peer(peer, now) for peer in peers]


def _peer(peer: PeerStatus, now: float) -> Row:
    key = key_text(peer.public_key)
    dials = "we dial" if peer.outbound else "it dials"
    return {
        "id": key,
        "chip": peer.state,
        "tone": tone_of(peer.state),
        "title": printable(peer.alias, LONGEST_NAME),
        "key": key,
        "short": short_key(key),
        "meta": f"{printable(peer.address, LONGEST_ADDRESS)}  ·  {dials}",
        "note": _note(peer, now),
        "side": _milliseconds(peer.rtt_ms),
        "sideTitle": "Round trip of the connection",
        "actions": [_RENAME, _DISABLE if peer.enabled else _ENABLE, _REMOVE],
    }


def _milliseconds(rtt: float | None) -> str:
    if rtt is None:
        return ""
    return "< 0.1 ms" if rtt < 0.1 else f"{rtt:.1f} ms"


def _note(peer: PeerStatus, now: float) -> str:
    """Why it is not connected, and when that is tried again."""
    if peer.connected:
        return ""
    parts = [printable(peer.last_error_text, LONGEST_NOTE)] if peer.last_error_text else []
    if peer.next_attempt is not None:
        left = peer.next_attempt - now
        parts.append(f"Next attempt in {duration(left)}." if left >= 0.5 else "Next attempt now.")
    return " ".join(parts)


def in_order(peers: Sequence[PeerStatus], wanted: str) -> list[PeerStatus]:
    """Those whose name, key or address has the wanted text, the ones with trouble first."""
    wanted = wanted.strip().lower()
    found = [peer for peer in peers if wanted in _searched(peer)] if wanted else list(peers)
    return sorted(
        found,
        key=lambda p: (_LATER.get(p.state, 0), p.alias.lower() or "\uffff", p.public_key),
    )


def _searched(peer: PeerStatus) -> str:
    key = key_text(peer.public_key)
    return f"{peer.alias} {key} {peer.address} {peer.state}".lower()


def pending_rows(pending: Sequence[PendingStatus], now: float) -> list[Row]:
    """Callers that nobody listed."""
    return [_pending(each, now) for each in pending]


def _pending(pending: PendingStatus, now: float) -> Row:
    key = key_text(pending.public_key)
    calls = "one call" if pending.attempts == 1 else f"{pending.attempts} calls"
    return {
        "id": key,
        "remote": pending.remote_ip,
        "chip": "pending",
        "tone": "warn",
        "key": key,
        "short": short_key(key),
        "meta": f"{pending.remote_ip}  ·  {calls}, the last {when(pending.last_seen, now)}",
        "actions": [["accept", "check", "Accept"]],
    }


def neighbor_rows(view: View, limit: int) -> list[Row]:
    """At most so many verified peers, the neighbors among them first."""
    kinds = {each.public_key: "chosen" for each in view.neighbors.chosen}
    kinds |= {each.public_key: "accepted" for each in view.neighbors.accepted}
    names = {peer.public_key: peer.alias for peer in view.peers}
    by_key = {each.public_key: each for each in view.neighbors.known}
    for each in (*view.neighbors.chosen, *view.neighbors.accepted):
        by_key.setdefault(each.public_key, each)
    ordered = sorted(by_key, key=lambda key: (kinds.get(key, "~"), key))
    return [_neighbor(by_key[key], kinds.get(key, ""), names) for key in ordered[:limit]]


def _neighbor(peer: NeighborStatus, kind: str, names: Mapping[bytes, str]) -> Row:
    key = key_text(peer.public_key)
    services = "  ·  ".join(f"{name} {address}" for name, address in peer.services.items())
    manual = peer.public_key in names
    return {
        "id": key,
        "chip": kind or ("manual" if manual else "verified"),
        "tone": "good" if kind else "idle",
        "title": printable(names.get(peer.public_key, ""), LONGEST_NAME),
        "key": key,
        "short": short_key(key),
        "meta": printable(services, 2 * LONGEST_ADDRESS),
    }


def message_rows(view: View) -> list[Row]:
    """Messages, the newest first."""
    names = names_of(view.peers)
    return [_message(message, names, view.now) for message in view.messages]


def _message(message: SeenMessage, names: Mapping[str, str], now: float) -> Row:
    own = message.source == LOCAL
    name = "this node" if own else names.get(message.source, "")
    return {
        "id": message.id,
        "title": printable(name, LONGEST_NAME),
        "key": "" if own else message.source,
        "short": "" if own or name else short_key(message.source),
        "text": message.text,
        "side": when(message.received, now),
        "sideTitle": size(message.size),
        "own": own,
    }


def when(then: float, now: float) -> str:
    """How long ago, in steps so large that a list seldom changes."""
    age = round(max(0.0, now - then))
    if age < STEP_S:
        return "now"
    for unit_s, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if age >= unit_s:
            return f"{age // unit_s} {unit} ago"
    return f"{age // STEP_S * STEP_S} s ago"
