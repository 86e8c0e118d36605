"""Lists of known peers, as the config file and the web API hold them.

In: a list of {"publicKey": base58, "address": "host:port"}, or the same as JSON text. Out:
`PeerEntry` records, or a `PeerListError` that names every bad entry by its place in the list.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from shimlet.identity import base58_encode, decode_key, parse_address

LONGEST_SHOWN = 60  # characters of a bad value that are repeated in an error


class PeerEntry(NamedTuple):
    """A known peer: raw key, and the address as typed."""

    public_key: bytes
    address: str


class PeerListError(ValueError):
    """Every problem of a list, one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def show(value: object) -> str:
    """A value as JSON, cut where it gets long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def parse_peers_text(text: str) -> list[PeerEntry]:
    """Known peers from JSON text; empty text is an empty list. Raises PeerListError."""
    if not text.strip():
        return []
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise PeerListError([f"this is not a JSON list: {error}"]) from None
    except RecursionError:
        raise PeerListError(["this is nested too deep to be a list of peers"]) from None
    return parse_peers(entries)


def parse_peers(entries: object) -> list[PeerEntry]:
    """Known peers from a decoded list: all of them, or PeerListError."""
    peers: list[PeerEntry] = []
    first_places: dict[bytes, int] = {}
    problems: list[str] = []
    for place, entry in enumerate(_as_list(entries)):
        try:
            peer = parse_peer(entry)
            _refuse_twice(peer.public_key, place, first_places)
            peers.append(peer)
        except ValueError as error:
            problems.append(f"entry {place}: {error}")
    if problems:
        raise PeerListError(problems)
    return peers


def parse_keys(entries: object) -> list[bytes]:
    """Public keys from a list of {"publicKey": base58}: all of them, or PeerListError."""
    keys: list[bytes] = []
    problems: list[str] = []
    for place, entry in enumerate(_as_list(entries)):
        try:
            keys.append(_key(entry))
        except ValueError as error:
            problems.append(f"entry {place}: {error}")
    if problems:
        raise PeerListError(problems)
    return keys


def parse_peer(entry: object) -> PeerEntry:
    """One entry. Raises ValueError with a sentence."""
    key = _key(entry)
    address = _text(entry, "address")
    parse_address(address)
    return PeerEntry(key, address)


def _as_list(entries: object) -> list[object]:
    if not isinstance(entries, list):
        raise PeerListError(['this is not a list like [{"publicKey": "...", "address": "..."}]'])
    return entries


def _key(entry: object) -> bytes:
    return decode_key(_text(entry, "publicKey"))


def _text(entry: object, name: str) -> str:
    if not isinstance(entry, dict):
        raise ValueError("this is not an object with publicKey and address")
    value = entry.get(name)
    if value is None:
        raise ValueError(f"{name} is missing")
    if not isinstance(value, str):
        raise ValueError(f"{name} is {show(value)}, but must be text")
    return value.strip()


def _refuse_twice(key: bytes, place: int, first_places: dict[bytes, int]) -> None:
    first = first_places.setdefault(key, place)
    if first != place:
        text = base58_encode(key)
        raise ValueError(f"public key {text} stands in entry {first} too; keep one of the two")
