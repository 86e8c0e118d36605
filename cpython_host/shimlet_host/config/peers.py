"""Lists of known peers, as the config file and the web API hold them.

In: a list of {"publicKey": base58, "address": "host:port"}, each with an "alias" and "enabled" if
wanted, or the same as JSON text. Out: `PeerEntry` records, or a `PeerListError` that names every
bad entry by its place in the list.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import NamedTuple

from shimlet.identity import base58_encode, decode_key, parse_address

LONGEST_SHOWN = 60  # characters of a bad value that are repeated in an error
LONGEST_ALIAS = 64  # characters
ENTRY_KEYS = ("publicKey", "address", "alias", "enabled")


class PeerEntry(NamedTuple):
    """A known peer: raw key, and the address as typed; None is what the entry does not say."""

    public_key: bytes
    address: str
    alias: str | None = None
    enabled: bool | None = None


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
    assert isinstance(entry, dict)
    return PeerEntry(key, address, alias_of(entry), switch_of(entry))


def alias_of(entry: dict[str, object]) -> str | None:
    """The operator's name for a peer, None if the entry says none. ValueError."""
    value = entry.get("alias")
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"alias is {show(value)}, but must be text")
    alias = value.strip()
    if len(alias) > LONGEST_ALIAS or not alias.isprintable():
        raise ValueError(f"alias must be at most {LONGEST_ALIAS} characters that can be printed")
    return alias


def switch_of(entry: dict[str, object]) -> bool | None:
    """Whether a peer is enabled, None if the entry does not say. ValueError."""
    value = entry.get("enabled")
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"enabled is {show(value)}, but must be true or false")
    return value


def entry_as_json(peer: PeerEntry) -> dict[str, object]:
    """What the entry says, and no more."""
    said = {"alias": peer.alias, "enabled": peer.enabled}
    return {
        "publicKey": base58_encode(peer.public_key),
        "address": peer.address,
        **{name: value for name, value in said.items() if value is not None},
    }


def unknown_keys(value: object) -> Iterator[str]:
    """A warning for every key of an entry that is none of ours, with the nearest one that is."""
    try:
        entries = json.loads(value) if isinstance(value, str) and value.strip() else value
    except (ValueError, RecursionError):  # refused where it is parsed
        return
    for place, entry in enumerate(entries if isinstance(entries, list) else ()):
        for key in entry if isinstance(entry, dict) else ():
            if key not in ENTRY_KEYS:
                near = difflib.get_close_matches(key, ENTRY_KEYS, n=1, cutoff=0.6)
                meant = f'; did you mean "{near[0]}"?' if near else "."
                yield f'entry {place}: the unknown key "{key}" is ignored{meant}'


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
